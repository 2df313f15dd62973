"""The status page as a browser shows it."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from support.browser import Browser
from support.daemon_process import eventually
from support.ports import free_port
from support.snapshots import current, ending, failure, slot, snapshot, state

from daemon.http.server import Server
from daemon.http.snapshot import Snapshot

_HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
_DESK, _PHONE = (1100, 800), (360, 740)
_LONG = "goods/import_files/00/" + "001a16a4-b810-11ed-860f-fa163edba792_" * 6 + ".jpg"


class Shown:
    """A status page, and what it shows."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.snapshot = busy()
        self.server = self.serve()

    def serve(self) -> Server:
        return Server(f"127.0.0.1:{self.port}", self.told)

    def told(self) -> Snapshot:
        return dataclasses.replace(self.snapshot, told_at=time.monotonic())


def busy() -> Snapshot:
    """Return a snapshot with something in every place."""
    return snapshot(
        state=state(
            state="importing",
            current=current(),
            pending=17,
            oldest_pending_s=3.2,
            unmatched=2,
            degraded=True,
            why=("events may be missed: too few watches",),
        ),
        sessions=(
            ending(id="41"),
            ending(id="40", status="failed", errors=2, error="MediaError: no space left"),
        ),
        failures=(failure(_LONG), failure("Стул_а.jpg")),
        awaited=("8e/8e0a2d6e-15b9-11ee-998f-fa163e775e1f…",),
        day=tuple(slot(minutes, 300 - minutes % 97, minutes % 3) for minutes in range(5, 1400, 15)),
    )


@pytest.fixture
def shown() -> Iterator[Shown]:
    made = Shown()
    yield made
    made.server.close()


def text(browser: Browser) -> str:
    """Return what a reader sees."""
    return str(browser.run("return document.body.innerText")).replace("\u202f", " ")


@pytest.mark.parametrize("size", [_DESK, _PHONE], ids=["desk", "phone"])
def test_all_of_it_is_seen_at_any_width(
    english: Browser, shown: Shown, size: tuple[int, int], tmp_path: Path
) -> None:
    english.resize(*size)
    english.open(shown.url)
    seen = text(english)
    for part in ("41 %", "time left 2 min", "MediaError: no space left", "Стул_а.jpg", "too few watches"):
        assert part in seen
    assert english.run("return document.documentElement.scrollWidth") <= size[0]  # nothing is out of sight
    english.screenshot(tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as picture:
        assert picture.width == size[0]
        assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 50  # styled, and drawn upon


def test_text_on_a_phone_is_large_enough_to_read(english: Browser, shown: Shown) -> None:
    english.resize(*_PHONE)
    english.open(shown.url)
    sizes = english.run(
        "return [...document.querySelectorAll('main *')].filter(e => e.innerText)"
        ".map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 12


def test_the_bar_stands_where_the_import_does(english: Browser, shown: Shown) -> None:
    english.open(shown.url)
    position = english.run("return document.querySelector('progress').position")
    assert position == pytest.approx(41_230 / 98_400)


def test_the_day_is_drawn(english: Browser, shown: Shown) -> None:
    english.open(shown.url)
    widths = english.run(
        "return [...document.querySelectorAll('rect')].map(r => r.getBoundingClientRect().width)"
    )
    assert len(widths) > 90
    assert min(widths) > 0


def test_each_reader_sees_their_language(english: Browser, russian: Browser, shown: Shown) -> None:
    english.open(shown.url)
    russian.open(shown.url)
    assert "Last errors" in text(english)
    assert "Последние ошибки" in text(russian)
    assert "Последние импорты" in text(russian)
    assert russian.run("return document.documentElement.lang") == "ru"


def test_no_text_from_outside_is_run(english: Browser, shown: Shown) -> None:
    english.complaints()
    shown.snapshot = dataclasses.replace(
        shown.snapshot,
        state=state(
            degraded=True, why=(_HOSTILE,), current=current(session_id=_HOSTILE, import_type=_HOSTILE)
        ),
        sessions=(ending(id=_HOSTILE, trigger=_HOSTILE, status=_HOSTILE, error=_HOSTILE),),
        failures=(failure(_HOSTILE, _HOSTILE),),
        awaited=(_HOSTILE,),
    )
    english.open(shown.url)
    assert text(english).count(_HOSTILE) == 10
    eventually(lambda: renewed(english, shown))
    assert text(english).count(_HOSTILE) == 11
    assert english.run("return document.querySelectorAll('img').length") == 0
    assert english.run("return document.title") != "taken"
    assert english.complaints() == []


def renewed(browser: Browser, shown: Shown) -> bool:
    """Give the page one hostile text more, and return whether it has come in without a reload."""
    shown.snapshot = dataclasses.replace(shown.snapshot, awaited=(_HOSTILE, _HOSTILE))
    return text(browser).count(_HOSTILE) == 11


def test_the_browser_forbids_what_is_not_of_the_page(english: Browser, shown: Shown) -> None:
    english.open(shown.url)
    english.complaints()
    english.run(
        "const s = document.createElement('script'); s.textContent = 'document.title = \"taken\"';"
        "document.body.append(s);"
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"https://elsewhere.invalid/x.png\">')"
    )
    assert english.run("return document.title") != "taken"
    complaints = eventually(
        lambda: [line for line in english.complaints() if "Content Security Policy" in line]
    )
    assert complaints


def test_the_page_renews_itself(english: Browser, shown: Shown) -> None:
    english.open(shown.url)
    english.run("window.unchanged = true")
    shown.snapshot = dataclasses.replace(shown.snapshot, state=state(state="watching"), failures=())
    eventually(lambda: "No import is under way" in text(english))
    assert english.run("return window.unchanged")  # without a reload
    assert "watching" in english.run("return document.title")


def test_a_service_that_is_gone_is_noticed_and_so_is_its_return(english: Browser, shown: Shown) -> None:
    english.open(shown.url)
    shown.server.close()
    eventually(lambda: "does not answer" in text(english))
    assert "Стул_а.jpg" in text(english)  # what is known stays
    shown.server = shown.serve()
    eventually(lambda: "does not answer" not in text(english))


@pytest.fixture
def without_scripts(english: Browser) -> Iterator[Browser]:
    english.switch_scripts(on=False)
    yield english
    english.switch_scripts(on=True)


def test_without_scripts_the_page_is_as_complete(without_scripts: Browser, shown: Shown) -> None:
    without_scripts.open(shown.url)
    source = without_scripts.source()
    for part in ("41 %", "MediaError: no space left", "Стул_а.jpg", 'class="copied"'):
        assert part in source


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_by_day_and_by_night(
    english: Browser, shown: Shown, scheme: str, contrast: Callable[[Browser], float]
) -> None:
    english.prefer(scheme)
    english.open(shown.url)
    assert contrast(english) >= 4.5  # as the guidelines for accessible pages want it


@pytest.fixture
def contrast() -> Callable[[Browser], float]:
    """What finds the lowest contrast of any text with what it stands on."""
    script = """
        const light = c => {
            const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255)
                .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ground = e => {
            for (; e; e = e.parentElement) {
                const c = getComputedStyle(e).backgroundColor;
                if (c !== 'rgba(0, 0, 0, 0)') return c;
            }
            return 'rgb(255, 255, 255)';
        };
        return Math.min(...[...document.querySelectorAll('main *')].filter(e => e.innerText).map(e => {
            const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
            return (a + 0.05) / (b + 0.05);
        }));
    """
    return lambda browser: float(browser.run(script))
