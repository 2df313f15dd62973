"""Whether the media directory can take product images."""

from pathlib import Path

import pytest

from daemon.config import Settings
from daemon.doctor import media
from daemon.doctor.finding import Finding, State
from daemon.mounts import Mount


def findings(place: Path, subject: str = "", **keys: object) -> list[Finding]:
    settings = Settings.model_validate({"media": {"min_free": 0, **keys}}).anchored(place)
    return [finding for finding in media.examine(settings) if finding.subject.startswith(subject)]


def finding(place: Path, subject: str, **keys: object) -> Finding:
    [found] = findings(place, subject, **keys)
    return found


def test_a_usual_directory_is_well(tmp_path: Path) -> None:
    (tmp_path / "media" / "products" / "00").mkdir(parents=True)
    assert {found.state for found in findings(tmp_path)} == {State.OK}
    message = f"{tmp_path}/media/products can be written to; its directories of two characters: 1"
    assert finding(tmp_path, "media directory").message == message


@pytest.mark.parametrize("existing", ["", "media", "media/products"])
def test_what_is_missing_will_be_made_but_not_by_the_doctor(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).mkdir(parents=True, exist_ok=True)
    found = finding(tmp_path, "media directory", prefix="products/new")
    assert (found.state, found.message) == (
        State.OK,
        f"{tmp_path}/media/products/new will be made by the first import",
    )
    assert not (tmp_path / "media/products/new").exists()


@pytest.mark.parametrize("file", ["media", "media/products"])
def test_a_file_in_its_place_is_an_error(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    found = finding(tmp_path, "media directory")
    assert found.state is State.ERROR
    assert found.message == f"{tmp_path}/{file} is a regular file, not a directory"
    assert found.remedy == f"mv {tmp_path}/{file} {tmp_path}/{file}.old"


def test_the_media_directory_may_be_a_link_that_leads_somewhere(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "media").symlink_to(tmp_path / "real")
    assert finding(tmp_path, "media directory").state is State.OK


def test_a_media_directory_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "media").symlink_to(tmp_path / "real")
    found = finding(tmp_path, "media directory")
    assert found.state is State.ERROR
    assert found.remedy.endswith(f" -m 0755 {tmp_path}/real")


def test_a_prefix_that_is_a_link_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "media" / "shop").mkdir(parents=True)
    link = tmp_path / "media" / "shop" / "products"
    link.symlink_to(tmp_path / "real")
    found = finding(tmp_path, "media directory", prefix="shop/products")
    assert found.state is State.ERROR
    assert found.message == f"{link} is a symbolic link, which is not followed"
    assert found.remedy == f"rm {link} && mkdir {link} && mount --bind {tmp_path}/real {link}"


def test_linked_directories_in_the_prefix_take_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "media" / "products").mkdir(parents=True)
    (tmp_path / "media" / "products" / "ab").symlink_to(tmp_path)
    linked = findings(tmp_path, "media directory")[0]
    assert linked.state is State.ERROR
    assert linked.message.endswith("are not followed: ab")


def test_too_little_free_space_is_an_error(tmp_path: Path) -> None:
    found = finding(tmp_path, "free space", min_free="1024 TiB")
    assert found.state is State.ERROR
    assert found.message.endswith("[media] min_free wants 1073741824 MiB")


def test_media_on_another_machine_are_compared_by_content() -> None:
    [found] = media.on_mount(Mount("/srv/media", "cifs"))
    assert found.state is State.WARNING
    assert "contents are compared" in found.message
    assert list(media.on_mount(Mount("/", "ext4"))) == []
