"""The address of the database: what is accepted, made absolute, given its password, masked."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from daemon.config import database_url

PLACE = Path("/etc/onec images")

#: Everything that a file system and the configuration can hold in one name.
names = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1).filter(
    lambda name: name not in {".", ".."}
)
passwords = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@pytest.mark.parametrize(
    "address, file",
    [
        ("sqlite:///onec.db", "/etc/onec images/onec.db"),
        ("sqlite:///./state/onec.db", "/etc/onec images/state/onec.db"),
        ("sqlite:////var/lib/onec.db", "/var/lib/onec.db"),
        ("SQLite:///onec.db", "/etc/onec images/onec.db"),
        ("sqlite:///my%20shop%3f.db", "/etc/onec images/my shop?.db"),
        ("sqlite:///100%.db", "/etc/onec images/100%.db"),
        ("sqlite:///a#b.db", "/etc/onec images/a#b.db"),
        ("sqlite:///магазин.db", "/etc/onec images/магазин.db"),
    ],
)
def test_a_sqlite_file_becomes_absolute(address: str, file: str) -> None:
    url = database_url.anchored(database_url.normalized(address), PLACE)
    assert make_url(url).database == file
    assert make_url(url).drivername == "sqlite"


def test_parameters_of_sqlite_stay() -> None:
    url = database_url.anchored(database_url.normalized("sqlite:///a.db?timeout=5"), Path("/x"))
    assert url == "sqlite:////x/a.db?timeout=5"


@given(names)
def test_any_directory_can_hold_the_configuration(name: str) -> None:
    directory = Path("/srv", name)
    url = database_url.anchored("sqlite:///onec.db", directory)
    assert make_url(url).database == str(directory / "onec.db")
    assert database_url.anchored(database_url.normalized(url), PLACE) == url


@pytest.mark.parametrize(
    "address",
    ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///%3Amemory%3A", "sqlite:///?timeout=5"],
)
def test_a_database_in_memory_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="nothing would be kept in memory"):
        database_url.normalized(address)


@pytest.mark.parametrize(
    "address",
    [
        "sqlite://onec.db",
        "sqlite://host/onec.db",
        "sqlite:///state/",
        "sqlite:///a%00b",
        "sqlite:///file:a.db",
        "sqlite:///file:a.db?mode=memory&uri=true",
        "sqlite:///a.db?uri=true",
    ],
)
def test_what_names_no_plain_file_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"must (name a|have three slashes)"):
        database_url.normalized(address)


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres", "PostgreSQL"])
def test_all_names_of_postgresql_mean_one_driver(scheme: str) -> None:
    url = database_url.normalized(f"{scheme}://shop:pw@host:5433/db")
    assert url == "postgresql+psycopg://shop:pw@host:5433/db"


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "/db",
        "host/db",
        "user@/db?host=/run/postgresql",
        "user@[::1]:5432/db",
        "user:p%40%2F%3F@h/db?sslmode=require",
    ],
)
def test_all_forms_of_a_postgresql_address_stay_as_they_are(rest: str) -> None:
    url = database_url.normalized(f"postgresql+psycopg://{rest}")
    assert url == f"postgresql+psycopg://{rest}"
    assert database_url.anchored(url, PLACE) == url
    assert database_url.masked(url) == url.replace("p%40%2F%3F", "***")


@pytest.mark.parametrize(
    "rest",
    [
        "user:p@ss@host/db",
        "user:p/ss@host/db",
        "user:12/ss@host/db",
        "user:12?ss@host/db",
        "user:p#ss@host/db",
        "user:p ss@host/db",
        "user:p\nss@host/db",
        "user:p[ss@host/db",
        "user@host:port/db",
        "user@host:0/db",
        "user@host:65536/db",
    ],
)
def test_a_special_character_left_bare_is_refused_before_it_moves_a_border(rest: str) -> None:
    with pytest.raises(ValueError, match="special characters percent-encoded"):
        database_url.normalized(f"postgresql://{rest}")


@pytest.mark.parametrize(
    "address, found",
    [
        ("mysql://shop:pw@host/db", ', not "mysql://…"'),
        ("postgresql+asyncpg://host/db", ', not "postgresql+asyncpg://…"'),
        ("shop:pw@host/db", ""),
        ("shop:pw@x://host/db", ""),
        ("sqlite:/onec.db", ""),
        ("onec.db", ""),
        ("", ""),
        (5, ""),
    ],
)
def test_another_address_is_refused_with_what_is_accepted(address: object, found: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole text is compared
        database_url.normalized(address)
    accepted = "must be sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
    assert str(raised.value) == accepted + found


@given(passwords)
def test_any_password_arrives_and_none_is_shown(password: str) -> None:
    url = database_url.with_password("postgresql+psycopg://shop:old@host:5433/db?sslmode=require", password)
    assert make_url(url) == make_url("postgresql+psycopg://shop@host:5433/db?sslmode=require").set(
        password=password
    )
    assert database_url.normalized(url) == url
    assert database_url.masked(url) == "postgresql+psycopg://shop:***@host:5433/db?sslmode=require"


@pytest.mark.parametrize(
    "address, expected",
    [
        ("postgresql+psycopg://shop@/db?host=/sock", "postgresql+psycopg://shop:pw@/db?host=/sock"),
        ("postgresql+psycopg://host/db", "postgresql+psycopg://:pw@host/db"),
        ("postgresql+psycopg://", "postgresql+psycopg://:pw@"),
        ("postgresql+psycopg://u@h/d?a=1&password=old", "postgresql+psycopg://u:pw@h/d?a=1"),
    ],
)
def test_a_password_finds_its_place(address: str, expected: str) -> None:
    url = database_url.with_password(address, "pw")
    assert url == expected
    assert make_url(url).password == "pw"  # noqa: S105 - the example


def test_secrets_among_the_parameters_are_masked_too() -> None:
    url = "postgresql+psycopg://u@h/d?password=a&sslpassword=b&pass%77ord=c&user=u"
    masked = "postgresql+psycopg://u@h/d?password=***&sslpassword=***&password=***&user=u"
    assert database_url.masked(url) == masked


def test_an_address_of_sqlite_has_nothing_to_mask() -> None:
    assert database_url.masked("sqlite:////x/a:b@c.db") == "sqlite:////x/a:b@c.db"
