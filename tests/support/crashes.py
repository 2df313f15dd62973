"""Stories in which a process may die at any moment: what it was about, what must hold right then, and in the end."""

import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from support.commands import Running
from support.daemon_process import daemon, eventually, is_in_step
from support.triggers import Triggers
from support.workshop import Database, Workshop, read_json

_SETTLE = 0.1  # seconds
_BUSY = 75  # the exit status while the server has not noticed that the connection of a dead process is gone
_TEMPORARY = ".onec-images-"

#: Given a process id, has something happen to the process during the block.
Spell = Callable[[int], AbstractContextManager[None]]


# Pictures, of which each content tells whether it is whole -----------------------------------------------------


@lru_cache(maxsize=1024)
def content(name: str, version: int = 0, size: int = 40_000) -> bytes:
    """Return what a picture holds; the later version has the same size where its name says so."""
    return random.Random(f"{name} {version}").randbytes(size + (0 if "same" in name else version))


def versions(name: str, size: int) -> set[bytes]:
    """Return everything that a picture has ever held."""
    return {content(name, 0, size), content(name, 1, size)}


# Stories ---------------------------------------------------------------------------------------------------------


@dataclass
class Story:
    """What a process is about, and how far the shop is without it."""

    count: int = 3  #: products
    size: int = 40_000  #: bytes of a picture

    #: What is started: a command that comes to its end, or the service.
    arguments = ("run",)
    #: How many of the cases of a normal run are of this story; it may be a slow one.
    share = 1.0
    #: Whether the process is to be watched from its first step on, and not only when it is asked for something.
    is_from_start = False
    settle = _SETTLE

    @property
    def is_service(self) -> bool:
        return self.arguments == ("run",)

    @property
    def ids(self) -> list[str]:
        return [f"{number:03}" for number in range(self.count)]

    @property
    def catalogue(self) -> Mapping[str, Sequence[str]]:
        """What the catalogue names for each product."""
        return {}

    def names(self, onec_id: str) -> list[str]:
        """Return the names of a product's pictures."""
        return [f"{onec_id}_a.jpg", f"{onec_id}_same.jpg"]

    def prepare(self, shop: Workshop) -> None:
        """Lead the shop to where the process begins."""
        shop.configure("watch", settle=self.settle, max_wait=60, retry_unmatched=1, reconcile_interval=0)
        shop.configure("import", chunk_size=2, progress_every=1, workers=1, retry_delay=0.2)
        shop.configure("media", durable=True)

    def provoke(self, shop: Workshop) -> None:
        """Ask the running service for what it may die of."""

    def is_done(self, shop: Workshop) -> bool:
        """Return whether the service that was not killed has done what it was asked for."""
        return is_in_step(shop, self.catalogue)

    def assert_whole(self, shop: Workshop) -> None:
        """See that what others find is whole, right after the death."""

    def assert_ended(self, shop: Workshop) -> None:
        """See that all is well in the end."""

    def bring(self, shop: Workshop, version: int = 0) -> None:
        """Put the pictures into the exchange as it puts them there: whole, by rename."""
        for onec_id in self.ids:
            for name in self.names(onec_id):
                file = shop.picture(f".{name}.part", content(name, version, self.size))
                file.rename(shop.root / name)


class FirstImport(Story):
    """The command imports everything for the first time."""

    arguments = ("import",)

    def prepare(self, shop: Workshop) -> None:
        super().prepare(shop)
        shop.products(*self.ids)
        self.bring(shop)


class Reimport(FirstImport):
    """The command imports pictures that were replaced, one of two by another of the same size."""

    def prepare(self, shop: Workshop) -> None:
        super().prepare(shop)
        shop.imported()
        shop.picture(self.names("001")[0], content(self.names("001")[0], 1, self.size))
        shop.picture(self.names("002")[1], content(self.names("002")[1], 1, self.size))

    def assert_ended(self, shop: Workshop) -> None:
        """See that the rows tell of what was replaced, whenever it was that a process died."""
        unchanged = shop.row("000").updated_at
        assert min(shop.row("001").updated_at, shop.row("002").updated_at) > unchanged


class Crowd(FirstImport):
    """The command imports so many pictures that several processes bring them."""

    def names(self, onec_id: str) -> list[str]:
        """Return the names of a product's pictures."""
        return [f"{onec_id}_{letter}.jpg" for letter in "abc"]

    def prepare(self, shop: Workshop) -> None:
        super().prepare(shop)
        shop.configure("import", chunk_size=10, workers=2)


class Startup(FirstImport):
    """The service imports everything when it starts."""

    arguments = ("run",)
    is_from_start = True

    def prepare(self, shop: Workshop) -> None:
        super().prepare(shop)
        time.sleep(self.settle)  # what may still be growing is left to a batch

    def is_done(self, shop: Workshop) -> bool:
        return has_completed(shop, "startup")


class Batch(Story):
    """The service is quiet, and pictures arrive: new ones, another one, and another product's."""

    def prepare(self, shop: Workshop) -> None:
        super().prepare(shop)
        shop.products(*self.ids)
        self.bring(shop)
        for name in self.names("000"):
            (shop.root / name).unlink()
        shop.imported()

    def provoke(self, shop: Workshop) -> None:
        self.bring(shop, version=1)

    def is_done(self, shop: Workshop) -> bool:
        return has_completed(shop, "watch") and self.is_in_step(shop)

    def is_in_step(self, shop: Workshop) -> bool:
        return is_in_step(shop, self.catalogue)


class Triggered(Batch):
    """Pictures arrive, and a trigger asks for them with the id of a task."""

    settle = 600  # seconds: without the trigger nothing would be imported
    task = "8d6f6a1e"

    def provoke(self, shop: Workshop) -> None:
        self.bring(shop, version=1)
        shop.add_session("pending", 0, {}, task_id=self.task, import_type="images", trigger="trigger")
        Triggers(shop).drop({"import_type": "images", "task_id": self.task})

    def is_done(self, shop: Workshop) -> bool:
        triggers = Triggers(shop)
        return triggers.result.exists() and not triggers.running.exists() and not triggers.path.exists()

    def assert_whole(self, shop: Workshop) -> None:
        triggers = Triggers(shop)
        if triggers.result.exists():
            assert json.loads(triggers.result.read_bytes())["status"] == "completed"
        else:
            assert triggers.path.exists() or triggers.running.exists(), "the trigger is lost"

    def assert_ended(self, shop: Workshop) -> None:
        assert self.is_done(shop)
        answer = json.loads(Triggers(shop).result.read_bytes())
        [task] = [session for session in shop.sessions() if session["task_id"] == self.task]
        assert (task["status"], task["import_type"]) == ("completed", "images")
        assert (answer["status"], answer["task_id"]) == ("completed", self.task)
        assert answer["session_id"] == task["id"]
        assert answer["report_details"] == task["report_details"]


class CatalogueCommand(Story):
    """The command loads a catalogue, which names pictures in an order of its own."""

    arguments = ("catalog",)

    @property
    def catalogue(self) -> Mapping[str, Sequence[str]]:
        return {onec_id: self.names(onec_id)[::-1] for onec_id in self.ids}

    def prepare(self, shop: Workshop) -> None:
        super().prepare(shop)
        self.bring(shop)
        shop.catalogue(self.catalogue)


class CatalogueArrives(CatalogueCommand):
    """A catalogue arrives after the pictures that it names; the service is quiet before."""

    arguments = ("run",)
    share = 0.5  # it is looked for every two seconds

    def prepare(self, shop: Workshop) -> None:
        super().prepare(shop)
        (shop.exchange / "goods" / "goods.xml").unlink()

    def provoke(self, shop: Workshop) -> None:
        shop.catalogue(self.catalogue, file=".goods").rename(shop.exchange / "goods" / "goods.xml")

    def is_done(self, shop: Workshop) -> bool:
        return (
            len(shop.rows()) == self.count
            and has_completed(shop, "watch")
            and is_in_step(shop, self.catalogue)
        )


STORIES: tuple[type[Story], ...] = (
    FirstImport,
    Reimport,
    Startup,
    Batch,
    Triggered,
    CatalogueCommand,
    CatalogueArrives,
)


def has_completed(shop: Workshop, trigger: str, earlier: int = 0) -> bool:
    """Return whether more sessions than earlier that began for a reason are completed."""
    found = [each for each in shop.sessions() if (each["trigger"], each["status"]) == (trigger, "completed")]
    return len(found) > earlier


# Life and death ----------------------------------------------------------------------------------------------------


@contextmanager
def begun(story: Story, shop: Workshop) -> Iterator[Running]:
    """Start the process of a story, and have it wait for what it may die of."""
    if not story.is_service:
        running = shop.start(*story.arguments, halted=True)
        eventually(running.is_halted)
        yield running
        return
    with daemon(shop, is_ready=not story.is_from_start, halted=story.is_from_start) as service:
        if story.is_from_start:
            eventually(service.running.is_halted)
        else:
            service.wait_for_session(trigger="startup")
        yield service.running


def live(story: Story, shop: Workshop, spell: Spell) -> bool:
    """Let a story take its course under a spell, and return whether its process was killed."""
    with begun(story, shop) as running:
        with spell(running.pid):
            if running.has_ended():
                pass  # the spell was quick
            elif story.is_from_start or not story.is_service:
                running.signal(signal.SIGCONT)
            else:
                story.provoke(shop)
            eventually(lambda: running.has_ended() or (story.is_service and story.is_done(shop)))
        running.signal(signal.SIGTERM)  # the death may have come in this very moment
        result = running.result()
    assert result.status in {0, -signal.SIGKILL}, result.stderr
    return result.status != 0


class Stopwatch:
    """A spell that does nothing but measure how long a process lives."""

    took = 0.0  #: seconds

    @contextmanager
    def __call__(self, _pid: int) -> Iterator[None]:
        """Let a process live."""
        began = time.monotonic()
        yield
        self.took = time.monotonic() - began


def killer(delay: float) -> Spell:
    """Return what kills a process after so many seconds."""

    @contextmanager
    def spell(pid: int) -> Iterator[None]:  # whose id is its own until its end has been waited for
        timer = threading.Timer(delay, os.kill, [pid, signal.SIGKILL])
        timer.start()
        yield
        timer.cancel()
        timer.join()

    return spell


def recover(story: Story, shop: Workshop) -> None:
    """Start what is started after a death, as whoever started it before would, and let it come to rest."""
    if story.is_service:
        _serve(story, shop)
        return
    _run(shop, *story.arguments)
    if story.arguments != ("import",):
        _run(shop, "import")


def _run(shop: Workshop, *arguments: str) -> None:
    def ended_well() -> bool:
        result = shop.run(*arguments)
        assert result.status in {0, _BUSY}, result.stderr
        return result.status == 0

    eventually(ended_well)


def _serve(story: Story, shop: Workshop) -> None:
    before = sum(each["trigger"] == "startup" and each["status"] == "completed" for each in shop.sessions())
    with daemon(shop, "--wait"):
        eventually(lambda: has_completed(shop, "startup", before))
        eventually(
            lambda: is_in_step(shop, story.catalogue) and is_answered(shop) and not open_sessions(shop)
        )


def is_answered(shop: Workshop) -> bool:
    """Return whether no trigger waits for its answer."""
    triggers = Triggers(shop)
    return not triggers.path.exists() and not triggers.running.exists()


def open_sessions(shop: Workshop) -> list[dict[str, Any]]:
    """Return the sessions that have not ended."""
    return [session for session in shop.sessions() if session["finished_at"] is None]


# What must hold ------------------------------------------------------------------------------------------------------


def assert_nothing_torn(story: Story, shop: Workshop) -> None:
    """See that right after a death every file has a whole content, and that rows name only files that are there."""
    stored = shop.contents()
    torn = [
        path
        for path, held in stored.items()
        if _TEMPORARY not in path and held not in versions(Path(path).name, story.size)
    ]
    assert not torn, f"half a picture under its final name: {torn}"
    missing = [path for path in paths_on_rows(shop) if path not in stored]
    assert not missing, f"a row names what is not there: {missing}"
    story.assert_whole(shop)


def paths_on_rows(shop: Workshop) -> list[str]:
    """Return what the rows name; of SQLite in a copy, since to open what a dead process left would mend it."""
    database = shop.database
    if database.is_sqlite:
        copy = shop.place / "as it was left"
        copy.mkdir(exist_ok=True)
        for file in shop.place.glob("onec-images.db*"):
            shutil.copy(file, copy)
        database = Database(f"sqlite:///{copy}/onec-images.db")
    rows = database.execute("SELECT main_image, gallery_images FROM products")
    return [path for main, gallery in rows for path in [main, *(read_json(gallery) or [])] if path]


@dataclass(frozen=True)
class End:
    """What a shop comes to: what its rows say of pictures, and what its media hold."""

    rows: Mapping[str | None, tuple[object, ...]]
    media: Mapping[str, bytes]


def end_of(shop: Workshop) -> End:
    """Return what a shop has come to."""
    rows = {row.onec_id: (row.is_active, row.main_image, row.gallery_images) for row in shop.rows()}
    return End(rows, shop.contents())


def assert_all_well(story: Story, shop: Workshop, end: End) -> None:
    """See that in the end nothing is lost, left over or left open, and all is as if nobody had died."""
    assert is_in_step(shop, story.catalogue)
    found = end_of(shop)
    assert found.media.keys() == end.media.keys()
    assert found == end
    for session in shop.sessions():
        assert session["finished_at"], session
        how = session["error_message"]  # those that were not killed are stopped
        assert session["status"] == "completed" or "interrupted" in how or "was stopped" in how, session
    story.assert_ended(shop)


def clean_end(story: Story, shop: Workshop, spell: Spell) -> End:
    """Let a story take its course under a spell that does not kill, and return what it comes to."""
    story.prepare(shop)
    assert not live(story, shop, spell)
    recover(story, shop)
    assert_all_well(story, shop, end := end_of(shop))
    return end


def die_and_recover(
    story: Story, shop: Workshop, spell: Spell, end: End, *, again: Sequence[float] = ()
) -> bool:
    """Let a story be struck by a spell, see that nothing is lost, and return whether its process was killed.

    ``again`` is after how many seconds each the next that are started, to recover from that, are killed as well.
    """
    story.prepare(shop)
    was_killed = live(story, shop, spell)
    assert_nothing_torn(story, shop)
    for delay in again:
        _die_again(story, shop, delay)
        assert_nothing_torn(story, shop)
    recover(story, shop)
    assert_all_well(story, shop, end)
    return was_killed


def _die_again(story: Story, shop: Workshop, delay: float) -> None:
    running = shop.start(*story.arguments, halted=True)
    eventually(running.is_halted)
    with killer(delay)(running.pid):
        running.signal(signal.SIGCONT)
        eventually(running.has_ended)
    running.result()
