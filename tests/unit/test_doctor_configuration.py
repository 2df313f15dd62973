"""Whether the configuration makes sense as a whole."""

from pathlib import Path

import pytest

from daemon.config import Settings
from daemon.doctor import configuration
from daemon.doctor.configuration import initializing
from daemon.doctor.finding import Finding, State

FILE = Path("/etc/onec-images/config.toml")


def amiss(place: Path, **sections: dict[str, object]) -> list[Finding]:
    settings = Settings.model_validate(sections).anchored(place)
    return [finding for finding in configuration.examine(settings, FILE) if finding.state is not State.OK]


def test_the_file_is_named(tmp_path: Path) -> None:
    first = next(configuration.examine(Settings().anchored(tmp_path), FILE))
    assert (first.state, first.message) == (State.OK, f"read from {FILE}")


def test_the_defaults_make_sense(tmp_path: Path) -> None:
    assert amiss(tmp_path) == []


def test_waiting_must_not_end_before_a_picture_settles(tmp_path: Path) -> None:
    [found] = amiss(tmp_path, watch={"settle": 90, "max_wait": 60.5})
    assert found.state is State.WARNING
    assert found.message.startswith("max_wait (60.5 s) ends before settle (90 s)")
    assert found.remedy == "set [watch] max_wait to 90 at least"


def test_media_in_the_exchange_are_an_error(tmp_path: Path) -> None:
    for media in ("exchange", "exchange/media", "link"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(tmp_path / "exchange" / "deeper")
        [found] = amiss(tmp_path, exchange={"dir": "exchange"}, media={"dir": media})
        assert found.state is State.ERROR
        assert "which the exchange empties" in found.message


def test_media_in_an_image_root_elsewhere_are_an_error(tmp_path: Path) -> None:
    [found] = amiss(tmp_path, exchange={"image_roots": ["/srv/pictures"]}, media={"dir": "/srv/pictures"})
    assert found.state is State.ERROR


def test_the_exchange_in_the_media_is_served_to_everyone(tmp_path: Path) -> None:
    [found] = amiss(tmp_path, exchange={"dir": "media/1c"}, media={"dir": "media"})
    assert found.state is State.WARNING
    assert found.remedy.startswith(f"move {tmp_path}/media/1c out of it")


def test_directories_with_a_common_beginning_are_apart(tmp_path: Path) -> None:
    assert amiss(tmp_path, exchange={"dir": "media-1c"}, media={"dir": "media"}) == []


def test_the_program_is_named_by_its_path_where_a_shell_would_not_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = tmp_path / "bin"
    environment.mkdir()
    python, script = environment / "python3", environment / "onec-images"
    monkeypatch.setattr("sys.executable", str(python))
    assert configuration.program() == f"{python} -m daemon"
    script.touch(0o755)
    assert configuration.program() == str(script)
    (tmp_path / "onec-images").symlink_to(script)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert configuration.program() == "onec-images"


def test_a_command_names_the_file_as_a_shell_takes_it() -> None:
    command = initializing(Path("/etc/my shop/config.toml"))
    assert command == f"{configuration.program()} --config '/etc/my shop/config.toml' init-db"
