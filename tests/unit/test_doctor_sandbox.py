"""What the sandbox of a unit forbids, and the lines that allow it."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from daemon.doctor.finding import State
from daemon.doctor.sandbox import Host, Place, Sandbox, View, forbidden_hosts, forbidden_places

SHIPPED = {
    "Id": "onec-images.service",
    "User": "onec-images",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "ReadWritePaths": "-/var/spool/onec-images",
    "StateDirectory": "onec-images",
    "RuntimeDirectory": "onec-images",
    "IPAddressAllow": "127.0.0.0/8 ::1/128",
    "IPAddressDeny": "0.0.0.0/0 ::/0",
}

NEAR, FAR, NAME_SERVER = ip_address("127.0.0.1"), ip_address("10.0.0.5"), ip_address("10.0.0.53")


def sandbox(**changes: str) -> Sandbox:
    return Sandbox(SHIPPED | changes)


def remedies(box: Sandbox, path: str, view: View) -> list[str]:
    found = list(forbidden_places(box, [Place("the media directory", Path(path), view)]))
    assert {finding.state for finding in found} <= {State.ERROR}
    return [finding.remedy for finding in found]


@pytest.mark.parametrize(
    "path",
    ["/var/lib/onec-images", "/run/onec-images/x", "/var/spool/onec-images", "/srv/shop/media/products"],
)
def test_what_the_unit_or_a_drop_in_opens_can_be_written(path: str) -> None:
    opened = sandbox(ReadWritePaths="-/var/spool/onec-images /srv/shop/media")
    assert opened.view(Path(path)) is View.WRITABLE


@pytest.mark.parametrize(
    "path", ["/srv/shop/media", "/var/lib/onec-images-2", "/var/lib", "/etc/onec-images"]
)
def test_all_else_can_be_read_alone(path: str) -> None:
    assert sandbox().view(Path(path)) is View.READ_ONLY


@pytest.mark.parametrize(
    "system, path, view",
    [
        ("full", "/etc/shop", View.READ_ONLY),
        ("full", "/srv/shop", View.WRITABLE),
        ("yes", "/etc/shop", View.WRITABLE),
        ("yes", "/usr/share/shop", View.READ_ONLY),
        ("no", "/usr/share/shop", View.WRITABLE),
    ],
)
def test_a_weaker_sandbox_leaves_more_to_write(system: str, path: str, view: View) -> None:
    assert sandbox(ProtectSystem=system).view(Path(path)) is view


def test_the_closest_setting_decides() -> None:
    nested = sandbox(ReadWritePaths="/srv", ReadOnlyPaths="/srv/shop/data")
    assert nested.view(Path("/srv/shop/media")) is View.WRITABLE
    assert nested.view(Path("/srv/shop/data/import_1c")) is View.READ_ONLY


def test_media_that_are_not_opened_are_an_error_with_the_line_that_opens_them() -> None:
    [found] = forbidden_places(
        sandbox(), [Place("the media directory", Path("/srv/shop/media"), View.WRITABLE)]
    )
    assert found.state is State.ERROR
    assert found.subject == "unit onec-images.service"
    assert found.message == "its sandbox lets it only read /srv/shop/media, the media directory"
    assert found.remedy == (
        "systemctl edit onec-images.service, below [Service]: ReadWritePaths=/srv/shop/media; "
        "then systemctl restart onec-images.service"
    )


def test_what_may_be_read_is_enough_for_what_is_only_read() -> None:
    assert remedies(sandbox(), "/srv/shop/data/import_1c", View.READ_ONLY) == []


@pytest.mark.parametrize(
    "view, lines",
    [
        (View.READ_ONLY, "ProtectHome=read-only"),
        (View.WRITABLE, "ProtectHome=read-only and ReadWritePaths=/home/shop"),
    ],
)
@pytest.mark.parametrize("protection", ["yes", "tmpfs"])
def test_a_shop_below_home_is_hidden(protection: str, view: View, lines: str) -> None:
    [remedy] = remedies(sandbox(ProtectHome=protection, ReadWritePaths="/home/shop"), "/home/shop", view)
    assert f"[Service]: {lines};" in remedy


def test_a_home_that_can_be_read_is_enough_for_the_exchange_alone() -> None:
    half_open = sandbox(ProtectHome="read-only")
    assert remedies(half_open, "/home/shop/data", View.READ_ONLY) == []
    assert "ReadWritePaths=/home/shop/media;" in remedies(half_open, "/home/shop/media", View.WRITABLE)[0]


def test_a_home_in_memory_shows_what_is_mounted_there() -> None:
    mounted = sandbox(
        ProtectHome="tmpfs",
        BindPaths="/home/shop/media:/home/shop/media:rbind",
        BindReadOnlyPaths="/home/shop/data:/home/shop/data:rbind",
    )
    assert mounted.view(Path("/home/shop/media/products")) is View.WRITABLE
    assert mounted.view(Path("/home/shop/data")) is View.READ_ONLY
    assert mounted.view(Path("/home/shop")) is View.HIDDEN


def test_an_exchange_in_tmp_is_another_one_for_the_unit() -> None:
    assert "PrivateTmp=no;" in remedies(sandbox(), "/tmp/exchange", View.READ_ONLY)[0]  # noqa: S108
    assert remedies(sandbox(PrivateTmp="no"), "/tmp/exchange", View.READ_ONLY) == []  # noqa: S108


@pytest.mark.parametrize(
    "setting, line",
    [("InaccessiblePaths", "InaccessiblePaths=;"), ("TemporaryFileSystem", "BindReadOnlyPaths=/srv/shop;")],
)
def test_what_a_drop_in_hides_is_told(setting: str, line: str) -> None:
    assert line in remedies(sandbox(**{setting: "/srv"}), "/srv/shop", View.READ_ONLY)[0]


def test_a_path_is_written_as_a_unit_takes_it() -> None:
    [remedy] = remedies(sandbox(), "/srv/my 100% shop", View.WRITABLE)
    assert 'ReadWritePaths="/srv/my 100%% shop";' in remedy


def test_a_database_on_this_host_is_in_reach() -> None:
    assert not list(forbidden_hosts(sandbox(), [Host("localhost", (NEAR,))], [NAME_SERVER]))


def test_a_database_on_another_host_is_an_error_with_the_line_that_opens_it() -> None:
    [found] = forbidden_hosts(sandbox(), [Host("10.0.0.5", (FAR,))], [NAME_SERVER])
    assert found.state is State.ERROR
    assert found.message == "its sandbox keeps the service from 10.0.0.5, the host of the database"
    assert "[Service]: IPAddressAllow=10.0.0.5;" in found.remedy


def test_whoever_is_called_by_name_has_to_be_asked_for() -> None:
    [found] = forbidden_hosts(sandbox(), [Host("db.example", (FAR,))], [NAME_SERVER, NEAR])
    assert "[Service]: IPAddressAllow=10.0.0.5 10.0.0.53;" in found.remedy


def test_an_address_that_a_drop_in_allows_is_in_reach() -> None:
    opened = sandbox(IPAddressAllow="127.0.0.0/8 10.0.0.0/24")
    assert not list(forbidden_hosts(opened, [Host("db.example", (FAR,))], [NAME_SERVER]))


def test_a_unit_without_filters_reaches_everyone() -> None:
    assert not list(forbidden_hosts(sandbox(IPAddressDeny=""), [Host("10.0.0.5", (FAR,))], []))


def test_properties_that_this_systemd_does_not_show_forbid_nothing() -> None:
    bare = Sandbox({})
    assert bare.user == "root"
    assert bare.view(Path("/home/shop")) is View.WRITABLE
    assert bare.may_reach(FAR)


def test_a_quotation_mark_in_a_path_is_no_reason_to_stop() -> None:
    assert sandbox(ReadWritePaths="/srv/d'or").view(Path("/srv/d'or/media")) is View.WRITABLE
