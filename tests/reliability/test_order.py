"""Files come before the rows that name them: whole, under a name of their own, and on disk."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from support import crashes, strace
from support.crashes import FirstImport, Reimport, Startup, Story
from support.daemon_process import is_in_step
from support.losses import Figures
from support.strace import Call
from support.workshop import Workshop

_TEMPORARY = ".onec-images-"


def effects_of(story: Story, shop: Workshop, *, durable: bool) -> list[Call]:
    """Let a story take its course, and return what its process did."""
    story.prepare(shop)
    shop.configure("media", durable=durable)
    log = shop.place / "log"
    assert not crashes.live(story, shop, partial(strace.traced, log=log))
    assert is_in_step(shop, {})
    return strace.calls(log)


def published(calls: list[Call], shop: Workshop) -> dict[str, Call]:
    """Return the renames that gave pictures their names in the media, by name."""
    renames = [call for call in calls if call.name.startswith("rename") and str(shop.media) in call.text]
    return {re.findall(r'"([^"]+)"', call.text)[1]: call for call in renames}


def told(calls: list[Call], name: str, shop: Workshop) -> Call:
    """Return what committed the first row that names a picture."""
    writes = [call for call in calls if call.name in {"pwrite64", "sendto", "write"}]
    [first, *_] = [at for at, call in enumerate(writes) if re.search(rf"products/\w\w/{name}", call.text)]
    if shop.database.is_sqlite:
        assert "onec-images.db-wal" in writes[first].text
        return writes[first]
    return next(call for call in writes[first:] if "COMMIT" in call.text)


def told_too_soon(calls: list[Call], shop: Workshop) -> list[str]:
    """Return the pictures whose rows were committed before they were on disk."""
    synced = [
        call
        for call in calls
        if call.name == "syncfs" and f"<{shop.media}" in call.text and call.text.endswith("= 0")
    ]
    return [
        name
        for name, renamed in published(calls, shop).items()
        if not any(
            renamed.ended < sync.begun and sync.ended < told(calls, name, shop).begun for sync in synced
        )
    ]


@pytest.mark.fault("power lost between a file and its row")
@pytest.mark.usefixtures("_tracing")
@pytest.mark.parametrize("make_story", [FirstImport, Startup])
def test_files_are_on_disk_before_the_rows_that_name_them_are_committed(
    make_story: type[Story], workshop: Workshop, figures: Figures, is_long: bool
) -> None:
    story = make_story(count=100 if is_long else 7)
    calls = effects_of(story, workshop, durable=True)
    assert len(published(calls, workshop)) == 2 * story.count
    assert told_too_soon(calls, workshop) == []
    figures.tried(2 * story.count)


@pytest.mark.usefixtures("_tracing")
def test_where_nothing_has_to_be_durable_that_is_seen(workshop: Workshop) -> None:
    story = FirstImport()
    calls = effects_of(story, workshop, durable=False)
    assert sorted(told_too_soon(calls, workshop)) == sorted(published(calls, workshop))


@pytest.mark.fault("a reader while a picture is written")
@pytest.mark.usefixtures("_tracing")
@pytest.mark.parametrize("make_story", [FirstImport, Reimport, Startup])
def test_nothing_is_ever_written_under_a_final_name(
    make_story: type[Story], lite: Workshop, figures: Figures
) -> None:
    calls = effects_of(make_story(), lite, durable=True)
    made = [call.text for call in calls if call.name == "openat" and f"<{lite.media}" in call.text]
    written = [text for text in made if re.search(r"O_CREAT|O_WRONLY|O_RDWR|O_TRUNC", text)]
    assert written
    for text in written:
        assert _TEMPORARY in text
        figures.tried()


class Reader(threading.Thread):
    """Reads every picture in the media as often as it can, and keeps what is not whole."""

    def __init__(self, shop: Workshop, size: int) -> None:
        super().__init__(daemon=True)
        self._shop = shop
        self._size = size
        self._is_over = False
        self.torn: list[str] = []
        self.seen: set[tuple[str, bytes]] = set()

    def run(self) -> None:
        while not self._is_over:
            for path in self._shop.media.rglob("*.jpg"):
                if not path.name.startswith("."):
                    self._look_at(path)

    def _look_at(self, path: Path) -> None:
        found = path.read_bytes()
        if found not in crashes.versions(path.name, self._size):
            self.torn.append(f"{path.name}: {len(found)} bytes")
        self.seen.add((path.name, found[:16]))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Read during the block."""
        self.start()
        yield
        self._is_over = True
        self.join()


@pytest.mark.fault("a reader while a picture is written")
def test_a_reader_never_finds_half_a_picture(lite: Workshop, figures: Figures, is_long: bool) -> None:
    story = FirstImport(count=100 if is_long else 30, size=400_000)
    reader = Reader(lite, story.size)
    story.prepare(lite)
    with reader.at_work():
        lite.imported()
        story.bring(lite, version=1)
        lite.imported()
    assert reader.torn == []
    figures.tried(len(reader.seen))
