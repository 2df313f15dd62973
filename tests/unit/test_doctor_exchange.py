"""Whether what 1C sends can be found and read."""

import os
from pathlib import Path

import pytest

from daemon.config import Settings
from daemon.doctor import exchange
from daemon.doctor.finding import Finding, State
from daemon.mounts import Mount


class Place:
    """An exchange directory and its configuration."""

    def __init__(self, place: Path) -> None:
        self.directory = place / "exchange"
        self.root = self.directory / "goods" / "import_files"
        self.keys: dict[str, object] = {"dir": str(self.directory)}
        self.trigger = "import_images.trigger"

    def findings(self, subject: str = "") -> list[Finding]:
        settings = Settings.model_validate({"exchange": self.keys, "trigger": {"file": self.trigger}})
        found = exchange.examine(settings.anchored(self.directory.parent))
        return [finding for finding in found if finding.subject.startswith(subject)]

    def finding(self, subject: str) -> Finding:
        [finding] = self.findings(subject)
        return finding


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    (place.root / "00").mkdir(parents=True)
    (place.root / "Як").mkdir()
    (place.directory / "goods" / "goods.xml").write_text("<КоммерческаяИнформация/>")
    return place


def test_a_usual_exchange_is_well(place: Place) -> None:
    assert {finding.state for finding in place.findings()} == {State.OK}
    assert (
        place.finding("image root").message
        == f"{place.root} can be read; its directories of two characters: 2"
    )


def test_a_missing_exchange_is_one_error_and_hides_only_what_lies_in_it(place: Place, tmp_path: Path) -> None:
    place.keys |= {"dir": str(tmp_path / "elsewhere"), "image_roots": ["relative", str(place.root)]}
    subjects = [finding.subject for finding in place.findings()]
    assert subjects == ["exchange directory", f"image root {place.root}"]
    found = place.finding("exchange directory")
    assert found.state is State.ERROR
    assert found.remedy.endswith(f"mkdir -p {tmp_path}/elsewhere")


def test_a_file_in_the_place_of_the_exchange_is_an_error(place: Place) -> None:
    file = place.directory / "goods" / "goods.xml"
    place.keys["dir"] = str(file)
    assert place.finding("exchange directory").message == f"{file} is a regular file, not a directory"


def test_the_exchange_itself_may_be_reached_through_a_link(place: Place, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(place.directory)
    place.keys["dir"] = str(tmp_path / "link")
    assert {finding.state for finding in place.findings()} == {State.OK}


def test_an_exchange_that_leads_to_itself_is_an_error_among_others(place: Place, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    place.keys["dir"] = str(tmp_path / "loop")
    found = place.finding("exchange directory")
    assert found.state is State.ERROR
    assert "symbolic links" in found.message


def test_missing_roots_are_waited_for_each_by_its_name(place: Place) -> None:
    place.keys["image_roots"] = ["one", "two/deeper"]
    found = place.findings("image root")
    assert [finding.state for finding in found] == [State.WARNING, State.WARNING]
    assert found[1].subject == "image root two/deeper"
    assert found[1].message == f"{place.directory}/two/deeper does not exist now and is waited for"


@pytest.mark.parametrize("step", ["goods", "goods/import_files"])
def test_a_link_at_any_step_to_a_root_is_an_error(place: Place, tmp_path: Path, step: str) -> None:
    link = place.directory / step
    link.rename(tmp_path / "moved")
    link.symlink_to(tmp_path / "moved")
    found = place.finding("image root")
    assert found.state is State.ERROR
    assert found.message == f"{link} is a symbolic link, which is not followed"
    assert found.remedy.startswith(
        f'name its target in [exchange] image_roots: "{os.path.realpath(place.root)}"'
    )


def test_an_absolute_root_may_be_reached_through_a_link(place: Place, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(place.root)
    place.keys["image_roots"] = [str(tmp_path / "link")]
    assert place.finding("image root").state is State.OK


def test_linked_directories_in_a_root_are_named_as_not_followed(place: Place, tmp_path: Path) -> None:
    for number in range(10, 17):
        (place.root / str(number)).symlink_to(tmp_path)
    linked, readable = place.findings("image root")
    assert linked.state is State.WARNING
    assert linked.message.endswith("not followed: 10, 11, 12, 13, 14 and 2 more")
    assert linked.remedy == f'add the target of each to [exchange] image_roots, as in "{tmp_path}"'
    assert readable.message.endswith("characters: 2")


def test_other_names_in_a_root_are_none_of_its_directories(place: Place, tmp_path: Path) -> None:
    (place.root / "00.jpg").touch()
    (place.root / "ab").touch()
    (place.root / ".a").symlink_to(tmp_path)
    (place.root / "abc").symlink_to(tmp_path)
    assert place.finding("image root").state is State.OK


def test_a_catalogue_that_is_not_there_is_a_warning_for_each_pattern(place: Place) -> None:
    place.keys["catalog"] = ["goods/goods*.xml", "webdata/*.xml"]
    found, missing = place.findings("catalogue")
    assert (found.state, found.message) == (State.OK, "can be read: goods/goods.xml")
    assert (missing.state, missing.subject) == (State.WARNING, "catalogue webdata/*.xml")


def test_a_catalogue_file_that_is_a_link_cannot_be_read(place: Place, tmp_path: Path) -> None:
    (tmp_path / "real.xml").touch()
    (place.directory / "goods" / "goods2.xml").symlink_to(tmp_path / "real.xml")
    found = place.finding("catalogue")
    assert found.state is State.ERROR
    assert "goods2.xml cannot be read" in found.message


def test_a_trigger_file_needs_its_directory(place: Place, tmp_path: Path) -> None:
    place.trigger = str(tmp_path / "triggers" / "go")
    found = place.finding("trigger file")
    assert found.state is State.WARNING
    assert found.remedy.startswith("install -d -o ")
    assert found.remedy.endswith(f"0 {tmp_path}/triggers")


def test_an_exchange_of_another_machine_is_polled() -> None:
    [found] = exchange.on_mount(Mount("/srv/1c", "nfs4"))
    assert found.state is State.WARNING
    assert found.message.startswith("/srv/1c is nfs4: no event tells")
    assert list(exchange.on_mount(Mount("/", "ext4"))) == []
    assert list(exchange.on_mount(None)) == []
