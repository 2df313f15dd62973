"""Where a service tells its state, and where it is looked for by whoever runs elsewhere and as somebody else."""

import os
from pathlib import Path

import pytest
from support.files import mode
from support.rights import as_owner

from daemon.runtime import place, places

URL = "postgresql+psycopg://shop:secret@db.example/shop"
EXCHANGE = "/srv/обмен/import_1c"


def test_the_state_lies_beside_the_file_of_the_database_whatever_links_lead_there(tmp_path: Path) -> None:
    file, link = tmp_path / "real.db", tmp_path / "link.db"
    link.symlink_to(file)
    found = place(link, "", EXCHANGE, {"RUNTIME_DIRECTORY": "/run/x"})
    assert found is not None
    assert found.parent == tmp_path
    assert found.name.startswith("real.db-")
    assert found.suffix == ".state"
    assert places(file, "", EXCHANGE, {}) == [found]
    assert place(file, "", "/srv/\udcff", {}) != found


class Host:
    """Directories that stand for those of a host."""

    def __init__(self, directory: Path) -> None:
        self.run, self.temporary = directory / "run", directory / "tmp"
        self.run.mkdir()
        self.temporary.mkdir()

    def place(self, url: str = URL, **environ: str) -> Path | None:
        """Return where a service would write."""
        return place(None, url, EXCHANGE, environ, self.run, self.temporary)

    def directory(self, **environ: str) -> Path | None:
        """Return the directory in which a service would write."""
        found = self.place(**environ)
        return found.parent if found else None

    def places(self, url: str = URL, **environ: str) -> list[Path]:
        """Return where somebody would look."""
        return places(None, url, EXCHANGE, environ, self.run, self.temporary)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def made(path: Path, permissions: int = 0o755) -> Path:
    path.mkdir()
    path.chmod(permissions)
    return path


@pytest.mark.parametrize("name", ["onec-images", "onec-images-shop"])
def test_what_a_unit_writes_is_found_by_a_shell_that_systemd_told_nothing(host: Host, name: str) -> None:
    unit = made(host.run / name)
    made(host.run / "another")
    found = host.place(RUNTIME_DIRECTORY=f"{unit}:/run/more")
    assert found is not None
    assert found.parent == unit
    assert found in host.places()


def test_without_a_unit_the_usual_directory_is_taken_then_that_of_the_user_then_one_of_our_own(
    host: Host, tmp_path: Path
) -> None:
    user = made(tmp_path / "user", 0o700)
    assert host.directory() == host.temporary / f"onec-images-{os.geteuid()}"
    assert host.directory(XDG_RUNTIME_DIR=str(user)) == user / "onec-images"
    usual = made(host.run / "onec-images")
    assert host.directory(XDG_RUNTIME_DIR=str(user)) == usual
    looked_at = [path.parent for path in host.places(XDG_RUNTIME_DIR=str(user))]
    assert looked_at == [
        usual,
        user / "onec-images",
        host.temporary / f"onec-images-{os.geteuid()}",
    ]
    assert {mode(path) for path in looked_at[1:]} == {0o700}


def test_a_directory_that_we_may_not_write_is_passed_over(host: Host) -> None:
    made(host.run / "onec-images", 0o555)
    with as_owner():
        assert host.directory() == host.temporary / f"onec-images-{os.geteuid()}"


@pytest.mark.parametrize("told", ["", ":", "relative", "relative:/run/x"])
def test_a_directory_that_is_not_absolute_is_none(host: Host, told: str) -> None:
    assert host.directory(RUNTIME_DIRECTORY=told, XDG_RUNTIME_DIR=told) == host.directory()


def test_looking_makes_nothing(host: Host) -> None:
    assert host.places() == []
    assert list(host.temporary.iterdir()) == []


def test_a_link_in_the_place_of_our_own_directory_is_not_followed(host: Host, tmp_path: Path) -> None:
    (host.temporary / f"onec-images-{os.geteuid()}").symlink_to(made(tmp_path / "elsewhere"))
    assert host.place() is None
    assert host.places() == []


def test_a_directory_that_others_may_write_is_not_our_own(host: Host) -> None:
    made(host.temporary / f"onec-images-{os.geteuid()}", 0o777)
    assert host.place() is None
    assert host.places() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_directories_of_another_user_are_not_our_own(host: Host, tmp_path: Path) -> None:
    own = made(host.temporary / f"onec-images-{os.geteuid()}", 0o700)
    user = made(tmp_path / "user", 0o700)
    for directory in (own, user):
        os.chown(directory, 65534, 65534)
    assert host.place(XDG_RUNTIME_DIR=str(user)) is None
    assert host.places(XDG_RUNTIME_DIR=str(user)) == []


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://db.example/shop",
        "postgresql+psycopg://reader@db.example/shop",
        "postgresql+psycopg://shop:***@db.example/shop?connect_timeout=5&password=x&sslpassword=y",
    ],
)
def test_who_asks_as_another_user_finds_the_same_name(host: Host, address: str) -> None:
    assert host.place(address) == host.place()


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://shop@db.example/another",
        "postgresql+psycopg://shop@db.another/shop",
        "postgresql+psycopg://shop@db.example:6000/shop",
        "postgresql+psycopg://shop@db.example/shop?host=/run/another",
    ],
)
def test_another_database_has_another_name(host: Host, address: str) -> None:
    assert host.place(address) != host.place()
