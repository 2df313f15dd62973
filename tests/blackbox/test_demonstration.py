"""What a newcomer sees first: a small shop is built and imported, and the service works on it."""

import json
import os
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.commands import Command, Result, Running, WarmStarter, program
from support.daemon_process import eventually
from support.files import tree

_LONG_ENOUGH = 100  # seconds; an idle machine needs ten
_LOG_LINE = r"  \| \d\d:\d\d:\d\d \[info +\] "


@dataclass(frozen=True)
class Shown:
    """A demonstration that has ended."""

    place: Path
    elsewhere: Path
    result: Result

    @property
    def rows(self) -> dict[str, list[str]]:
        """The paths on each product, the main image first."""
        with sqlite3.connect(self.place / "shop.db") as connection:
            rows = connection.execute("SELECT onec_id, main_image, gallery_images FROM products").fetchall()
        connection.close()
        return {onec_id: [main, *json.loads(gallery)] for onec_id, main, gallery in rows}

    @property
    def sent(self) -> dict[str, bytes]:
        """The pictures in the exchange, by the paths that they have in the media."""
        pictures = tree(self.place / "exchange" / "goods" / "import_files")
        return {f"products/{path}": content for path, content in pictures.items()}

    def announced(self, beginning: str) -> list[str]:
        """Return the lines between an announcement and the next empty line."""
        _, found, rest = f"\n{self.result.stdout}".partition(f"\n{beginning}")
        assert found, self.result.stdout
        return rest.split("\n\n")[0].splitlines()[1:]

    def arrived(self, beginning: str) -> Path:
        """Return the file that was announced."""
        return next(Path(line.strip()) for line in self.announced(beginning) if line.startswith("  /"))


def demonstrate(starter: WarmStarter, place: Path, **environment: str) -> Running:
    return starter.start(Command(["demo", str(place)], place.parent, environment))


@pytest.fixture(scope="module")
def shown(starter: WarmStarter, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Return a demonstration that nobody disturbed, in the environment of somebody's real shop."""
    directory = tmp_path_factory.mktemp("demo")
    place, elsewhere = directory / "shop", directory / "real"
    environment = {
        "ONEC_IMAGES_DATABASE__URL": f"sqlite:///{elsewhere}/real.db",
        "ONEC_IMAGES_MEDIA__DIR": str(elsewhere),
        "ONEC_IMAGES_LOG__FORMAT": "json",
    }
    elsewhere.mkdir()
    return Shown(place, elsewhere, demonstrate(starter, place, **environment).result(_LONG_ENOUGH))


@pytest.fixture
def begun(starter: WarmStarter, tmp_path: Path) -> Iterator[Running]:
    """Return a demonstration whose service has just begun its work."""
    place = tmp_path / "shop"
    running = demonstrate(starter, place)
    eventually(lambda: (place / "daemon.log").exists() and (place / "daemon.log").read_bytes())
    yield running
    running.end()


def services(place: Path) -> list[int]:
    """Return the processes that serve the shop in a directory."""
    told = os.fsencode(place / "config.toml")
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if told in arguments(pid)]


def arguments(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


# What is shown --------------------------------------------------------------------------------------------


def test_the_demonstration_ends_well_and_complains_of_nothing(shown: Shown) -> None:
    assert (shown.result.status, shown.result.stderr) == (0, "")


def test_each_deed_is_announced_before_the_service_tells_what_it_does(shown: Shown) -> None:
    story = [
        r"  \$ onec-images --config \S+ run",
        rf"{_LOG_LINE}Import of images started",
        r"A new picture of .* arrives:",
        rf"{_LOG_LINE}.* 1 pictures copied",
        r"A picture of .* arrives again, in other colours:",
        rf"{_LOG_LINE}.* 1 pictures copied",
        r"A picture arrives whose product the shop does not know:",
        r"  unmatched +1 picture waits for its product",
        r"  /\S+/goods_2\.xml",
        rf"{_LOG_LINE}Import of catalog started",
        rf"{_LOG_LINE}.* 1 pictures copied",
        r"The shop asks for an import by a trigger file",
        rf"{_LOG_LINE}A trigger asks for an import",
        r"  /\S+\.result .*Изображения обновлены",
        r"  \$ kill -TERM \d+",
        r"It has ended in order\.",
    ]
    lines = iter(shown.result.stdout.splitlines())
    for beginning in story:
        assert any(re.match(beginning, line) for line in lines), beginning


def test_what_is_no_terminal_gets_neither_colours_nor_json_lines(shown: Shown) -> None:
    assert "\x1b" not in shown.result.stdout
    assert '"event"' not in shown.result.stdout


def test_all_that_the_service_has_said_is_shown_and_kept(shown: Shown) -> None:
    said = (shown.place / "daemon.log").read_text().splitlines()
    assert said
    assert [line[4:] for line in shown.result.stdout.splitlines() if line.startswith("  | ")] == said


# What has come of it --------------------------------------------------------------------------------------


def test_all_that_was_sent_is_in_the_media_and_on_the_rows(shown: Shown) -> None:
    assert tree(shown.place / "media") == shown.sent
    assert {path for paths in shown.rows.values() for path in paths} == set(shown.sent)


def test_the_new_picture_is_the_last_one_of_its_product(shown: Shown) -> None:
    picture = shown.arrived("A new picture of ")
    assert shown.rows[picture.name.partition("_")[0]][-1] == f"products/{picture.parent.name}/{picture.name}"


def test_the_changed_picture_has_its_new_bytes(shown: Shown) -> None:
    picture = shown.arrived("A picture of ")
    stored = shown.place / "media" / "products" / picture.parent.name / picture.name
    assert stored.read_bytes() == picture.read_bytes()


def test_the_product_that_came_after_its_picture_has_it(shown: Shown) -> None:
    picture = shown.arrived("A picture arrives whose product")
    product = picture.name.partition("_")[0]
    assert shown.rows[product] == [f"products/{picture.parent.name}/{picture.name}"]
    assert product in (shown.place / "exchange" / "goods" / "goods_2.xml").read_text()


def test_the_answer_to_the_trigger_is_there(shown: Shown) -> None:
    answer = json.loads((shown.place / "exchange" / "import_images.trigger.result").read_text())
    assert (answer["status"], answer["message"]) == ("completed", "Изображения обновлены")


def test_nothing_is_left_but_what_can_be_looked_at(shown: Shown) -> None:
    assert not services(shown.place)
    assert not (shown.place / "exchange" / "import_images.trigger").exists()
    assert not list(shown.place.glob("*.state"))


def test_the_shop_that_the_environment_names_is_left_alone(shown: Shown) -> None:
    assert not list(shown.elsewhere.iterdir())


# What may go wrong ----------------------------------------------------------------------------------------


def test_a_directory_that_is_not_empty_is_refused(starter: WarmStarter, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "note").touch()
    result = demonstrate(starter, tmp_path / "shop").result()
    assert result.status == 2
    assert "not empty" in result.stderr
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["note"]


def test_ctrl_c_ends_the_service_too(begun: Running, tmp_path: Path) -> None:
    begun.signal(signal.SIGINT)
    result = begun.result(within=15)
    assert result.status == 1
    assert result.stderr.strip() == "onec-images: stopped"
    assert not services(tmp_path / "shop")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_demonstration_that_is_killed_takes_the_service_along(
    begun: Running, number: signal.Signals, tmp_path: Path
) -> None:
    begun.signal(number)
    begun.result()
    eventually(lambda: not services(tmp_path / "shop"), within=12)


def test_a_service_that_ends_by_itself_fails_the_demonstration(begun: Running, tmp_path: Path) -> None:
    [service] = [pid for pid in services(tmp_path / "shop") if b"run" in arguments(pid)]
    os.kill(service, signal.SIGKILL)
    result = begun.result()
    assert result.status == 1
    assert "the service ended with status -9" in result.stderr
    assert str(tmp_path / "shop" / "daemon.log") in result.stderr
    assert "  | " in result.stdout
    assert "Traceback" not in result.stderr


def test_a_reader_who_has_seen_enough_leaves_no_service_behind(tmp_path: Path) -> None:
    command = Command(["demo", str(tmp_path / "shop")], tmp_path)
    with subprocess.Popen(
        [*program(), *command.arguments],
        env=command.whole_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert any("  | " in line for line in process.stdout)
        process.stdout.close()
        assert process.wait(30) == 0
        assert not process.stderr.read()
    assert not services(tmp_path / "shop")
