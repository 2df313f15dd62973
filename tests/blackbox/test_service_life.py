"""The service lives through whatever befalls it: rivals, death, stops, reloads, and a database that goes away."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import filesystems, sql
from support.commands import Result, WarmStarter
from support.daemon_process import Daemon, daemon, eventually
from support.holders import holder
from support.postgres import server
from support.proxies import Proxy, proxy
from support.workshop import Workshop, paths, wait_until

_SETTLE = 0.2
_SOON = _SETTLE + 2
_STOP = 10  # seconds within which a stop is promised

_MANY = [f"{number:03}" for number in range(400)]


@pytest.fixture
def workshop(workshop: Workshop) -> Workshop:
    """Return a shop in which pictures settle quickly."""
    return quick(workshop)


@pytest.fixture
def lite(lite: Workshop) -> Workshop:
    """Return a shop on SQLite in which pictures settle quickly."""
    return quick(lite)


@pytest.fixture
def served(served: Workshop) -> Workshop:
    """Return a shop on PostgreSQL in which pictures settle quickly."""
    return quick(served)


def quick(workshop: Workshop) -> Workshop:
    workshop.configure("watch", settle=_SETTLE, max_wait=3, retry_unmatched=0.5)
    return workshop


def slow(workshop: Workshop) -> None:
    """Make each product a chunk of its own."""
    workshop.configure("import", chunk_size=1, progress_every=1)


def fill(workshop: Workshop) -> None:
    """Bring in products and pictures whose import takes a while."""
    slow(workshop)
    workshop.products(*_MANY)
    for onec_id in _MANY:
        workshop.picture(f"{onec_id}_a.jpg")
    time.sleep(_SETTLE)


def hasten(workshop: Workshop) -> None:
    """Let the next import take no longer than usual."""
    workshop.configure("import", chunk_size=100)


def copies(workshop: Workshop) -> int:
    """Count the pictures in the media directory."""
    return sum(len(files) for _, _, files in os.walk(workshop.media))


def temporaries(workshop: Workshop) -> list[Path]:
    return list(workshop.media.rglob(".onec-images-*"))


@contextmanager
def importing(workshop: Workshop, *arguments: str) -> Iterator[Daemon]:
    """Run the service, and halt it in the middle of its first import, at a moment at which it holds no lock."""
    with daemon(workshop, *arguments) as service:
        wait_until(lambda: copies(workshop) >= 20)
        workshop.halt(service.running)
        yield service


def go_on(service: Daemon) -> None:
    """Let a service that was halted go on."""
    service.running.signal(signal.SIGCONT)


def reload_halted(service: Daemon) -> None:
    """Have a service that was halted read its configuration again before it goes on."""
    service.running.signal(signal.SIGHUP)
    go_on(service)
    service.wait_until_told("RELOADING=1")
    service.wait_until_told("READY=1")


def ended(service: Daemon, number: signal.Signals = signal.SIGTERM) -> Result:
    """End a service by a signal, and see that it leaves nothing behind."""
    service.running.signal(number)
    go_on(service)
    result = service.running.result(_STOP)
    assert result.status == 0, result.stderr
    assert "Traceback" not in result.stderr
    assert temporaries(service.workshop) == []
    return result


def assert_stopped(session: dict[str, Any]) -> None:
    """See that a session has failed with a sentence."""
    assert session["status"] == "failed"
    assert session["finished_at"] is not None
    assert "stopped" in session["error_message"]
    assert "\n" not in session["error_message"].strip()


def assert_next_is_in_step(workshop: Workshop) -> None:
    hasten(workshop)
    with daemon(workshop) as service:
        service.wait_until_in_step()
        assert service.status["degraded"] is False


def is_named(workshop: Workshop, onec_id: str) -> bool:
    return bool(workshop.named(onec_id))


# One at a time --------------------------------------------------------------------------------------------


def test_a_second_service_is_told_who_is_at_work_and_since_when(workshop: Workshop) -> None:
    with daemon(workshop) as first:
        result = workshop.run("run")
        assert result.status == 75
        [line] = result.stderr.splitlines()
        assert f"process {first.running.pid}, since 20" in line
        assert "host " in line
        assert first.status["pid"] == first.running.pid


@pytest.mark.parametrize("other", ["exchange", "database"])
def test_a_service_of_another_exchange_or_database_is_no_rival(workshop: Workshop, other: str) -> None:
    workshop.products("7")
    (workshop.place / "elsewhere").mkdir()
    environment = {
        "exchange": {"ONEC_IMAGES_EXCHANGE__DIR": "elsewhere"},
        "database": {"ONEC_IMAGES_DATABASE__URL": "sqlite:///other.db"},
    }[other]
    with daemon(workshop) as first, daemon(workshop, environment=environment) as second:
        workshop.picture("7_a.jpg")
        first.wait_until_in_step()
        assert second.running.pid != first.status["pid"] == first.running.pid


@pytest.mark.parametrize("command", ["import", "catalog"])
def test_commands_that_import_refer_to_the_trigger_beside_a_service(workshop: Workshop, command: str) -> None:
    with daemon(workshop):
        result = workshop.run(command)
        assert result.status == 75
        assert "use `onec-images trigger`" in result.stderr


def test_a_dry_run_works_beside_a_service(workshop: Workshop) -> None:
    with daemon(workshop):
        assert workshop.imported("--dry-run").json["session_id"] is None


def test_who_stands_by_takes_over_when_the_other_is_killed(workshop: Workshop) -> None:
    workshop.products("7", "8")
    workshop.picture("7_a.jpg")
    with daemon(workshop) as first:
        first.wait_until_in_step()
        with daemon(workshop, "--wait") as second:
            assert second.status["pid"] == first.running.pid
            assert second.entries("session_started") == []
            workshop.add_session("in_progress", 0, {"daemon": str(workshop.exchange)})
            first.kill()
            workshop.picture("8_a.jpg")
            second.wait_until_in_step(within=5)
            eventually(lambda: second.status["pid"] == second.running.pid, within=5)
            [left] = [s for s in workshop.sessions() if s["status"] == "failed"]
            assert left["error_message"] == "interrupted"


def test_who_stands_by_takes_over_when_the_other_ends_in_order(workshop: Workshop) -> None:
    workshop.products("7")
    with daemon(workshop) as first, daemon(workshop, "--wait") as second:
        ended(first)
        workshop.picture("7_a.jpg")
        second.wait_until_in_step(within=5)
        assert second.status["state"] == "watching"


def test_a_stand_by_without_a_service_says_so(lite: Workshop) -> None:
    with holder(lite.database.url, str(lite.exchange)), daemon(lite, "--wait") as service:
        status = service.status
        assert status["state"] == "standby"
        assert status["degraded"] is False
        assert "another process is at work" in status["why"]
        ended(service)
        assert lite.sessions() == []


# Killed ---------------------------------------------------------------------------------------------------


def test_a_service_that_is_killed_in_its_first_import_is_in_step_after_a_restart(workshop: Workshop) -> None:
    fill(workshop)
    with importing(workshop) as service:
        service.kill()
    assert_next_is_in_step(workshop)
    assert [s["status"] for s in workshop.sessions()] == ["failed", "completed"]
    assert workshop.sessions()[0]["error_message"] == "interrupted"
    assert temporaries(workshop) == []


def test_a_service_that_is_killed_in_a_batch_is_in_step_after_a_restart(workshop: Workshop) -> None:
    slow(workshop)
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        fill(workshop)
        wait_until(
            lambda: copies(workshop) >= len(_MANY) // 2
        )  # those that settled first had batches of their own
        service.kill()
    assert_next_is_in_step(workshop)
    ends = {(session["status"], session["error_message"]) for session in workshop.sessions()}
    assert ends == {("completed", ""), ("failed", "interrupted")}


# Stopped --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_in_the_first_import(workshop: Workshop, number: signal.Signals) -> None:
    fill(workshop)
    with importing(workshop) as service:
        ended(service, number)
        service.wait_until_told("STOPPING=1")
    [session] = workshop.sessions()
    assert_stopped(session)
    assert 0 < session["report_details"]["processed"] < len(_MANY)
    assert_next_is_in_step(workshop)


def test_a_stop_in_a_batch(workshop: Workshop) -> None:
    slow(workshop)
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        fill(workshop)
        wait_until(lambda: copies(workshop) >= 5)
        ended(service)
    assert_stopped(workshop.sessions()[-1])
    assert_next_is_in_step(workshop)


def test_a_stop_while_a_catalogue_is_loaded(workshop: Workshop) -> None:
    workshop.catalogue({f"p{number}": [] for number in range(60_000)})
    with daemon(workshop) as service:
        eventually(workshop.rows)
        ended(service)
    [session] = workshop.sessions()
    assert session["import_type"] == "catalog"
    assert_stopped(session)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_of_an_idle_service(workshop: Workshop, number: signal.Signals) -> None:
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        ended(service, number)
    assert [s["status"] for s in workshop.sessions()] == ["completed"]
    assert workshop.run("status", "--json").json["state"] == "stopped"


def test_a_stop_while_others_hold_the_whole_table(workshop: Workshop) -> None:
    fill(workshop)
    statements = [] if workshop.database.is_sqlite else ["LOCK TABLE products IN ACCESS EXCLUSIVE MODE"]
    with importing(workshop) as service, sql.transaction(workshop.database.url, *statements):
        go_on(service)
        ended(service)
    first = workshop.sessions()[0]
    if workshop.database.is_sqlite:  # nothing could be written
        assert first["status"] == "in_progress"
    else:
        assert_stopped(first)
    assert_next_is_in_step(workshop)
    assert workshop.sessions()[0]["status"] == "failed"


def test_a_stop_while_others_hold_the_sessions(served: Workshop) -> None:
    fill(served)
    lock = "LOCK TABLE import_sessions IN ACCESS EXCLUSIVE MODE"
    with importing(served) as service, sql.transaction(served.database.url, lock):
        ended(service)
    assert_next_is_in_step(served)
    assert served.sessions()[0]["error_message"] == "interrupted"


# Reloaded -------------------------------------------------------------------------------------------------


def test_a_reload_brings_the_new_settings_into_force_and_imports_everything(workshop: Workshop) -> None:
    workshop.products("7")
    workshop.picture("7_a.jpg")
    (workshop.exchange / "more").mkdir()
    (workshop.exchange / "more" / "7_b.webp").write_bytes(b"b")
    with daemon(workshop) as service:
        service.wait_until_in_step()
        roots, extensions = ["goods/import_files", "more"], ["jpg", "webp"]
        workshop.configure("exchange", image_roots=roots, extensions=extensions)
        service.reload()
        service.wait_for_session(trigger="manual")
        eventually(lambda: workshop.named("7") == paths("7", "7_a.jpg", "7_b.webp"), within=_SOON)
        (workshop.exchange / "more" / "7_c.webp").write_bytes(b"c")
        eventually(lambda: len(workshop.named("7")) == 3, within=_SOON)


def test_a_bad_configuration_is_refused_and_disturbs_nothing(workshop: Workshop) -> None:
    fill(workshop)
    good = workshop.config_file.read_text()
    with importing(workshop) as service:
        workshop.config_file.write_text("[watch]\nsettle = 'soon'\nsetle = 1\n")
        reload_halted(service)
        [refusal] = service.entries("reload_refused")
        assert "setle" in refusal["message"]
        service.wait_for_session(trigger="startup")
        service.wait_until_in_step()
        assert [s["trigger"] for s in workshop.sessions()] == ["startup"]
        workshop.config_file.write_text(good)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"[watch", b"[watch]\nsettle = -1\n"])
def test_no_configuration_can_end_a_service(lite: Workshop, content: bytes | None) -> None:
    good = lite.config_file.read_text()
    with daemon(lite) as service:
        lite.config_file.unlink()
        if content is not None:
            lite.config_file.write_bytes(content)
        service.reload()
        assert service.entries("reload_refused")
        lite.config_file.write_text(good)
        service.reload()
        service.wait_for_session(trigger="manual")


@pytest.mark.parametrize("what", ["no database", "no table", "no media"])
def test_a_reload_that_leads_nowhere_is_taken_back(workshop: Workshop, what: str) -> None:
    workshop.products("7")
    good = workshop.config_file.read_text()
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        if what == "no table":
            workshop.configure("database", attach=True)
            workshop.configure("database.products", table="no_such_table")
        elif what == "no database":
            (workshop.place / "text.db").write_text("no database" * 1000)
            workshop.configure("database", url=f"sqlite:///{workshop.place}/text.db")
        else:
            (workshop.place / "file").touch()
            workshop.configure("media", dir="file/media")
        service.reload()
        assert service.entries("reload_refused")
        workshop.config_file.write_text(good)
        workshop.picture("7_a.jpg")
        eventually(lambda: is_named(workshop, "7"), within=_SOON)
        assert service.status["state"] == "watching"
        service.reload()
        service.wait_until_in_step()


def test_a_reload_in_a_long_import_begins_it_anew(workshop: Workshop) -> None:
    fill(workshop)
    with importing(workshop) as service:
        hasten(workshop)
        reload_halted(service)
        service.wait_for_session(trigger="manual")
        service.wait_until_in_step()
    first, second, *_ = workshop.sessions()
    assert_stopped(first)
    assert (second["trigger"], second["status"]) == ("manual", "completed")


def test_a_reload_while_standing_by_is_heard(lite: Workshop) -> None:
    lite.products("7")
    lite.picture("7_a.jpg")
    with daemon(lite) as first, daemon(lite, "--wait") as second:
        other = lite.place / "other.db"
        lite.configure("database", url=f"sqlite:///{other}")
        second.reload()
        eventually(lambda: second.entries("session_completed"), within=_SOON)
        assert other.exists()
        ended(second)
        ended(first)


# What is wrong from the start -----------------------------------------------------------------------------


@pytest.mark.parametrize("section", ["setle", "no_such_table"])
def test_a_wrong_configuration_or_schema_ends_the_service(workshop: Workshop, section: str) -> None:
    if section == "setle":
        workshop.configure("watch", setle=1)
    else:
        workshop.configure("database", attach=True)
        workshop.configure("database.products", table="no_such_table")
    result = workshop.run("run")
    assert result.status == 78
    assert section in result.stderr
    assert "Traceback" not in result.stderr


def test_a_media_directory_that_is_none_is_told_in_one_line(lite: Workshop) -> None:
    lite.media.touch()
    result = lite.run("run")
    assert result.status == 1
    [line] = result.stderr.splitlines()
    assert f"{lite.media}" in line


def test_a_media_directory_that_takes_nothing_is_told_in_one_line(lite: Workshop) -> None:
    lite.media.mkdir(mode=0o555)
    result = lite.run("run", without=(1, 2))
    assert result.status == 1
    [line] = result.stderr.splitlines()
    assert "cannot be written to" in line
    assert f"{lite.media}" in line


def test_a_media_directory_that_is_missing_is_made(lite: Workshop) -> None:
    with daemon(lite):
        assert lite.media.is_dir()


# The database goes away -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Remote:
    """A shop whose database lies behind a network."""

    workshop: Workshop
    network: Proxy

    def end_connections(self) -> None:
        """Have the server end all connections of daemons."""
        sql.execute(self.workshop.database.url, _END)

    def lose(self, way: str) -> None:
        """Have the connections ended by the server, or cut off in a way that it does not notice."""
        if way == "ended":
            self.end_connections()
        else:
            self.network.cut()


_DAEMONS = "FROM pg_stat_activity WHERE application_name LIKE 'onec-images%' AND datname = current_database()"
_END = f"SELECT pg_terminate_backend(pid, 5000) {_DAEMONS}"
_COUNT = f"SELECT pid {_DAEMONS}"


@pytest.fixture
def remote(served: Workshop) -> Iterator[Remote]:
    with (
        tempfile.TemporaryDirectory(prefix="net-") as place,  # the name of a socket has to be short
        proxy(served.database.url, Path(place)) as (url, network),
    ):
        served.configure("database", url=url)
        yield Remote(served, network)


def is_degraded(service: Daemon) -> bool:
    degraded: bool = service.status["degraded"]
    return degraded


def test_a_database_that_is_away_at_the_start_is_waited_for(remote: Remote) -> None:
    workshop = remote.workshop
    workshop.products("7")
    workshop.picture("7_a.jpg")
    with ExitStack() as stack:
        with remote.network.down():
            service = stack.enter_context(daemon(workshop))
            status = service.status
            assert (status["state"], status["degraded"]) == ("starting", True)
            assert "Waiting for the database: " in status["why"]
        service.wait_until_in_step(within=10)
        eventually(lambda: not is_degraded(service))


def test_a_stop_while_the_database_is_waited_for(remote: Remote) -> None:
    with remote.network.down(), daemon(remote.workshop) as service:
        ended(service)
    assert remote.workshop.sessions() == []


@pytest.mark.parametrize("way", ["ended", "cut"])
def test_a_connection_that_is_lost_while_idle_is_made_anew(remote: Remote, way: str) -> None:
    workshop = remote.workshop
    workshop.products("7")
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        remote.lose(way)
        workshop.picture("7_a.jpg")
        eventually(lambda: is_named(workshop, "7"), within=10)
        eventually(lambda: not is_degraded(service))
        eventually(
            lambda: len(sql.execute(workshop.database.url, _COUNT)) == 1
        )  # of a lost one it hears later


@pytest.mark.parametrize("way", ["ended", "cut"])
def test_an_import_goes_on_after_its_connection_was_lost(remote: Remote, way: str) -> None:
    fill(remote.workshop)
    with importing(remote.workshop) as service:
        remote.lose(way)
        go_on(service)
        wait_until(lambda: copies(remote.workshop) >= 100)
        remote.lose(way)
        session = service.wait_for_session(trigger="startup")
        service.wait_until_in_step()
    [only] = remote.workshop.sessions()
    assert only == session
    assert only["report_details"]["processed"] == only["report_details"]["copied"] == len(_MANY)


def test_a_batch_goes_on_after_its_connection_was_lost(remote: Remote) -> None:
    slow(remote.workshop)
    with daemon(remote.workshop) as service:
        service.wait_for_session(trigger="startup")
        fill(remote.workshop)
        wait_until(lambda: copies(remote.workshop) >= 20)
        remote.end_connections()
        service.wait_until_in_step()
        eventually(lambda: {s["status"] for s in remote.workshop.sessions()} == {"completed"}, within=5)


def test_what_comes_while_the_database_is_away_is_imported_when_it_is_back(remote: Remote) -> None:
    workshop = remote.workshop
    workshop.products("7", "8")
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        with remote.network.down():
            workshop.picture("7_a.jpg")
            eventually(lambda: is_degraded(service), within=5)
            workshop.picture("8_a.jpg")
            eventually(lambda: service.status["pending"], within=5)
        service.wait_until_in_step(within=15)
        eventually(lambda: not is_degraded(service), within=5)
        assert service.entries("degraded_over")


def test_a_stop_in_an_import_that_waits_for_the_database(remote: Remote) -> None:
    fill(remote.workshop)
    with importing(remote.workshop) as service, remote.network.down():
        go_on(service)
        eventually(lambda: is_degraded(service))
        ended(service)
        remote.end_connections()
    assert_next_is_in_step(remote.workshop)
    assert remote.workshop.sessions()[0]["error_message"] == "interrupted"


def test_a_reload_while_the_database_is_away_is_heard(remote: Remote) -> None:
    fill(remote.workshop)
    with importing(remote.workshop) as service:
        hasten(remote.workshop)
        with remote.network.down():
            go_on(service)
            eventually(lambda: is_degraded(service))
            service.reload()
        service.wait_for_session(trigger="manual")
        service.wait_until_in_step()
        assert not is_degraded(service)


def test_nothing_is_written_while_another_has_our_place(remote: Remote) -> None:
    workshop = remote.workshop
    workshop.products("7")
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        with ExitStack() as stack:
            with remote.network.down():
                remote.end_connections()
                other = stack.enter_context(holder(workshop.database.url, str(workshop.exchange)))
                workshop.picture("7_a.jpg")
                eventually(lambda: is_degraded(service), within=5)
            eventually(lambda: service.status["state"] == "standby", within=15)
            assert f"process {other.pid}, since" in service.status["why"]
            assert (copies(workshop), workshop.named("7"), len(workshop.sessions())) == (0, [], 1)
        eventually(lambda: is_named(workshop, "7"), within=5)
        workshop.picture("7_b.jpg")
        service.wait_until_in_step()
        assert service.status["state"] == "watching"


def test_a_server_that_crashes_is_waited_for(tmp_path: Path, starter: WarmStarter) -> None:
    with server() as url, closing(quick(Workshop(tmp_path, url, starter))) as workshop:
        assert workshop.run("init-db").status == 0
        sql.execute(url, "ALTER DATABASE postgres SET synchronous_commit = on")  # what is committed stays so
        fill(workshop)
        with importing(workshop) as service:
            [[backend]] = sql.execute(url, _COUNT)
            os.kill(backend, signal.SIGKILL)
            go_on(service)
            eventually(lambda: service.entries("session_completed"))
            service.wait_until_in_step()


# SQLite has one writer ------------------------------------------------------------------------------------


def test_an_sqlite_file_that_another_writes_to_is_waited_for(lite: Workshop) -> None:
    fill(lite)
    with importing(lite) as service:
        with sql.transaction(lite.database.url):
            written = [row.id for row in lite.rows() if row.pictures]
            go_on(service)
            time.sleep(3)
            assert [row.id for row in lite.rows() if row.pictures] == written
            assert not is_degraded(service)
        service.wait_for_session(trigger="startup")
        service.wait_until_in_step()
    assert [s["status"] for s in lite.sessions()] == ["completed"]


# The media are full, or may not be written to -------------------------------------------------------------


def test_a_full_disk_fails_the_session_and_heals_when_there_is_room(workshop: Workshop) -> None:
    workshop.configure("import", retry_delay=1)
    workshop.configure("media", min_free="100 KiB")
    workshop.products("7", "8")
    workshop.picture("7_a.jpg")
    workshop.picture("8_a.jpg", b"8" * 300_000)
    with filesystems.small(workshop.media, "512k"):
        (workshop.media / "ballast").write_bytes(b"x" * 300_000)
        with daemon(workshop) as service:
            failed = service.wait_for_session(status="failed")
            assert "media directory" in failed["error_message"].splitlines()[0]
            assert not is_named(workshop, "8")
            (workshop.media / "ballast").unlink()
            eventually(lambda: is_named(workshop, "8"), within=10)
            eventually(lambda: not is_degraded(service), within=5)
            ended(service)
        assert is_named(workshop, "7")
        assert temporaries(workshop) == []


def test_a_batch_on_a_full_disk_is_tried_again_until_there_is_room(lite: Workshop) -> None:
    lite.products("8")
    with filesystems.small(lite.media, "256k"), daemon(lite) as service:
        service.wait_for_session(trigger="startup")
        (lite.media / "ballast").write_bytes(b"x" * 200_000)
        lite.picture("8_a.jpg", b"8" * 100_000)
        service.wait_for_session(trigger="watch", status="failed")
        eventually(lambda: is_degraded(service), within=5)
        (lite.media / "ballast").unlink()
        eventually(lambda: is_named(lite, "8"), within=10)
        eventually(lambda: not is_degraded(service), within=5)
        ended(service)


def test_media_that_become_read_only_and_writable_again(lite: Workshop) -> None:
    lite.products("7")
    with filesystems.small(lite.media, "1m"), daemon(lite) as service:
        service.wait_for_session(trigger="startup")
        filesystems.remount(lite.media, "ro")
        lite.picture("7_a.jpg")
        failed = service.wait_for_session(trigger="watch", status="failed")
        assert "Read-only file system" in failed["error_message"].splitlines()[0]
        filesystems.remount(lite.media, "rw")
        eventually(lambda: is_named(lite, "7"), within=10)
        ended(service)


# Time and tries -------------------------------------------------------------------------------------------


def test_when_no_retry_is_left_the_next_reconcile_does_it(workshop: Workshop) -> None:
    workshop.configure("import", max_retries=1, retry_delay=0.1)
    workshop.configure("watch", reconcile_interval=4)
    workshop.products("7")
    workshop.picture("7_a.jpg")
    with daemon(workshop) as service:
        service.wait_until_in_step()
        (workshop.media / "products").rename(workshop.place / "kept")
        (workshop.media / "products").touch()
        service.reload()
        eventually(lambda: service.entries("import_given_up"))
        eventually(lambda: is_degraded(service), within=3)
        assert [s["trigger"] for s in workshop.sessions()][-2:] == ["manual", "manual"]
        assert [s["status"] for s in workshop.sessions()][-2:] == ["failed", "failed"]
        (workshop.media / "products").unlink()
        (workshop.place / "kept").rename(workshop.media / "products")
        workshop.set_row("7", None, [])
        service.wait_until_in_step()
        eventually(lambda: not is_degraded(service))
        assert workshop.sessions()[-1]["trigger"] == "reconcile"


# What no event tells --------------------------------------------------------------------------------------


def test_a_reconcile_finds_what_no_event_told_and_is_on_record_only_then(workshop: Workshop) -> None:
    workshop.configure("watch", reconcile_interval=1)
    workshop.products("7")
    file = workshop.picture("7_a.jpg", "one")
    os.link(file, workshop.place / "link")
    with daemon(workshop) as service:
        service.wait_until_in_step()
        count = len(workshop.sessions())
        time.sleep(2)
        assert len(workshop.sessions()) == count
        (workshop.place / "link").write_text("another")
        service.wait_until_in_step(within=5)
        [session] = workshop.sessions()[count:]
        assert session["trigger"] in {
            "reconcile",
            "watch",
        }  # which one it leaves a picture to that is too new


def test_polling_finds_pictures_without_events(lite: Workshop) -> None:
    lite.configure("watch", backend="polling", reconcile_interval=0.5)
    lite.products("7")
    with daemon(lite) as service:
        service.wait_for_session(trigger="startup")
        lite.picture("7_a.jpg")
        eventually(lambda: is_named(lite, "7"), within=5)
        assert service.status["backend"] == "polling"


# Idle -----------------------------------------------------------------------------------------------------


def used(service: Daemon) -> float:
    """Return the seconds of processor time that a service has used."""
    fields = Path(f"/proc/{service.running.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_an_idle_service_does_next_to_nothing(served: Workshop) -> None:
    served.configure("watch", settle=10, max_wait=60)
    with daemon(served) as service:
        service.wait_for_session(trigger="startup")
        before, began = used(service), time.monotonic()
        time.sleep(5)
        assert used(service) - before < 0.02 * (time.monotonic() - began)
        assert len(served.sessions()) == 1


def test_many_batches_leave_no_descriptor_and_no_thread_behind(workshop: Workshop) -> None:
    workshop.configure("watch", settle=0.01)
    workshop.products("7")

    def held() -> tuple[int, int]:
        process = Path(f"/proc/{service.running.pid}")
        return len(os.listdir(process / "fd")), len(os.listdir(process / "task"))

    with daemon(workshop) as service:
        for number in range(100):
            workshop.picture(f"7_{number:03}.jpg")
            if number == 10:
                service.wait_until_in_step()
                before = held()
            wait_until(lambda number=number: copies(workshop) > number)  # type: ignore[misc]
        service.wait_until_in_step()
        eventually(lambda: held()[0] <= before[0] and held()[1] <= before[1], within=5)
        assert len(workshop.sessions()) > 30
