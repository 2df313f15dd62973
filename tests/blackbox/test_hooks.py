"""The operator's commands are told what happens, by the service and in the foreground, and can hold neither up."""

import json
import os
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest
from support.daemon_process import Daemon, daemon, eventually, is_alive
from support.readme import toml_below
from support.workshop import Workshop

_SETTLE = 0.2
_STOP = 10  # seconds within which a stop is promised


@pytest.fixture
def workshop(lite: Workshop) -> Workshop:
    """Return a shop in which pictures settle quickly, and two of whose products wait for them."""
    lite.configure("watch", settle=_SETTLE, max_wait=3)
    lite.products("7", "8")
    return lite


def noting(workshop: Workshop) -> list[str]:
    """Return a hook that writes down what it is told."""
    return ["sh", "-c", f"cat >> {notes(workshop)}; echo , >> {notes(workshop)}"]


def notes(workshop: Workshop) -> Path:
    return workshop.place / "notes"


def noted(workshop: Workshop) -> list[dict[str, Any]]:
    """Return what the hook has been told so far, whole documents alone."""
    text = notes(workshop).read_text() if notes(workshop).exists() else ""
    whole, end, _ = text.rpartition("}\n,\n")
    documents: list[dict[str, Any]] = json.loads(f"[{whole}}}]") if end else []
    return documents


def process_of(workshop: Workshop, name: str) -> int:
    file = workshop.place / name
    return int(eventually(lambda: file.exists() and file.read_text()))


def is_done(service: Daemon, onec_id: str) -> bool:
    return bool(service.workshop.named(onec_id))


# The service ----------------------------------------------------------------------------------------------


def test_each_session_that_ends_is_told_as_the_command_session_shows_it(workshop: Workshop) -> None:
    workshop.configure("hooks", on_session_end=noting(workshop))
    with daemon(workshop):
        eventually(lambda: len(noted(workshop)) == 1)
        workshop.picture("7_a.jpg")
        eventually(lambda: len(noted(workshop)) == 2)
    told = noted(workshop)
    assert [each["trigger"] for each in told] == ["startup", "watch"]
    for each in told:
        assert each == workshop.run("session", str(each["id"]), "--json").json


def test_a_session_that_fails_is_told_with_its_error(workshop: Workshop) -> None:
    workshop.picture("7_a.jpg")
    workshop.configure("media", min_free="1000000 GiB")
    workshop.configure("import", max_retries=0)
    workshop.configure("hooks", on_session_end=noting(workshop))
    with daemon(workshop):
        [told] = eventually(lambda: noted(workshop)[:1])
    assert told["status"] == "failed"
    assert "min_free" in told["error_message"]


def test_an_import_that_a_stop_has_cut_off_is_told_before_the_service_ends(workshop: Workshop) -> None:
    workshop.configure("hooks", on_session_end=noting(workshop))
    workshop.configure("import", chunk_size=1)
    many = [f"p{number:03}" for number in range(300)]
    workshop.products(*many)
    for onec_id in many:
        workshop.picture(f"{onec_id}_a.jpg")
    time.sleep(_SETTLE)
    with daemon(workshop) as service:
        eventually(workshop.stored)
        workshop.halt(service.running)
        service.running.signal(signal.SIGTERM)
        service.running.signal(signal.SIGCONT)
        assert service.running.result(_STOP).status == 0
    [told] = noted(workshop)
    assert (told["status"], told["trigger"]) == ("failed", "startup")
    assert "stopped" in told["error_message"]


def test_trouble_is_told_when_it_comes_and_when_it_has_gone(workshop: Workshop) -> None:
    workshop.configure("hooks", on_degraded=noting(workshop))
    elsewhere = workshop.place / "elsewhere"
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        workshop.exchange.rename(elsewhere)
        [trouble] = eventually(lambda: noted(workshop))
        elsewhere.rename(workshop.exchange)
        _, end = eventually(lambda: noted(workshop)[1:] and noted(workshop))
    assert trouble["degraded"] is True
    assert str(workshop.exchange) in trouble["why"][0]
    assert (trouble["host"], trouble["exchange"]) == (socket.gethostname(), str(workshop.exchange))
    assert (end["degraded"], end["why"]) == (False, [])


def test_a_database_that_is_waited_for_at_the_start_is_told(workshop: Workshop) -> None:
    workshop.configure("database", url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    workshop.configure("hooks", on_degraded=noting(workshop))
    with daemon(workshop):
        [told] = eventually(lambda: noted(workshop))
    assert "Waiting for the database" in told["why"][0]


def test_a_hook_that_hangs_and_its_children_hold_up_neither_pictures_nor_a_stop(workshop: Workshop) -> None:
    hanging = (
        f"trap '' TERM; echo $$ > {workshop.place}/hook; sleep 300 & echo $! > {workshop.place}/child; wait"
    )
    workshop.configure("hooks", on_session_end=["sh", "-c", f"{hanging}; sleep 300"])
    with daemon(workshop) as service:
        numbers = [process_of(workshop, "hook"), process_of(workshop, "child")]
        for onec_id in ("7", "8"):
            workshop.picture(f"{onec_id}_a.jpg")
            eventually(lambda onec_id=onec_id: is_done(service, onec_id), within=3)  # type: ignore[misc]
        began = time.monotonic()
        result = service.stop(_STOP)
        assert time.monotonic() - began < _STOP - 2
    eventually(lambda: not any(map(is_alive, numbers)), within=5)
    assert "sh was ended after" in result.stderr


def test_a_hook_that_leaves_children_behind_is_not_waited_for(workshop: Workshop) -> None:
    leaving = f"sleep 301 & echo $! > {workshop.place}/child"
    workshop.configure("hooks", on_session_end=["sh", "-c", leaving])
    with daemon(workshop) as service:
        eventually(lambda: service.entries("hook_told"))
        eventually(lambda: not is_alive(process_of(workshop, "child")), within=5)


def test_a_hook_that_floods_its_output_is_cut_short(workshop: Workshop) -> None:
    workshop.configure("hooks", on_session_end=["yes", "потоп"])
    with daemon(workshop) as service:
        [entry] = eventually(lambda: service.entries("hook_failed"))
    assert len(entry["said"]) == 1_000
    assert "ended" in entry["message"]


def test_a_hook_that_is_missing_is_named_in_the_log(workshop: Workshop) -> None:
    workshop.configure("hooks", on_session_end=["./no-such-hook", "shop"])
    with daemon(workshop) as service:
        [entry] = eventually(lambda: service.entries("hook_failed"))
        workshop.picture("7_a.jpg")
        eventually(lambda: is_done(service, "7"), within=3)
    assert entry["level"] == "warning"
    said = f"{workshop.place}/no-such-hook cannot be run: No such file or directory"
    assert entry["message"] == f"[hooks] on_session_end: {said}"


def test_a_hook_that_fails_is_in_the_log_with_what_it_said(workshop: Workshop) -> None:
    workshop.configure("hooks", on_session_end=["sh", "-c", "echo no route to host >&2; exit 7"])
    with daemon(workshop) as service:
        [entry] = eventually(lambda: service.entries("hook_failed"))
    assert entry["message"] == "[hooks] on_session_end: sh ended with status 7: no route to host"


def test_a_hook_has_no_secrets_no_files_and_all_signals_of_the_service(workshop: Workshop) -> None:
    program = "env; ls -l /proc/self/fd; grep ^SigBlk /proc/self/status"
    workshop.configure(
        "hooks",
        on_session_end=[
            "sh",
            "-c",
            f"({program}) > {workshop.place}/seen.part; mv {workshop.place}/seen.part {workshop.place}/seen",
        ],
    )
    secrets = {
        "ONEC_IMAGES_DATABASE__URL": workshop.database.url,
        "CREDENTIALS_DIRECTORY": str(workshop.place),
        "WATCHDOG_USEC": "60000000",
        "PGPASSWORD": "secret",
    }
    with daemon(workshop, environment=secrets):
        eventually((workshop.place / "seen").exists)
    seen = (workshop.place / "seen").read_text()
    assert "PATH=" in seen
    for name in (*secrets, "NOTIFY_SOCKET"):
        assert name not in seen
    assert str(workshop.database.url.rpartition("/")[2]) not in seen
    assert "SigBlk:\t0000000000000000" in seen


def test_a_reload_brings_another_hook_into_force(workshop: Workshop) -> None:
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        workshop.configure("hooks", on_session_end=noting(workshop))
        service.reload()
        [told] = eventually(lambda: noted(workshop))
        assert told["trigger"] == "manual"


# The foreground -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["import", "catalog"])
def test_a_session_in_the_foreground_is_told_before_the_command_ends(
    workshop: Workshop, command: str
) -> None:
    workshop.catalogue({"7": []})
    workshop.configure("hooks", on_session_end=noting(workshop))
    result = workshop.run(command, "--json")
    assert result.status == 0, result.stderr
    [told] = noted(workshop)
    assert told == {key: value for key, value in result.json.items() if key in told}


def test_a_failing_hook_does_not_fail_an_import(workshop: Workshop) -> None:
    workshop.configure("hooks", on_session_end=["false"])
    result = workshop.imported()
    assert "ended with status 1" in result.stderr


def test_a_dry_run_tells_nobody(workshop: Workshop) -> None:
    workshop.configure("hooks", on_session_end=noting(workshop))
    workshop.imported("--dry-run")
    assert noted(workshop) == []


def test_a_hook_that_hangs_is_left_by_ctrl_c(workshop: Workshop) -> None:
    hanging = f"echo $$ > {workshop.place}/hook; sleep 302"
    workshop.configure("hooks", on_session_end=["sh", "-c", hanging])
    running = workshop.start("import", "--json")
    number = process_of(workshop, "hook")
    running.signal(signal.SIGINT)
    result = running.result(5)
    assert result.status == 0
    assert result.json["status"] == "completed"
    eventually(lambda: not is_alive(number), within=5)


# What README.md offers ------------------------------------------------------------------------------------


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    posted: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        """Keep the path and the body."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posted.append((self.path, body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  as the base class has it
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[str]:
    """Return the address of a server that takes everything."""
    Receiver.posted.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def offered(number: int) -> dict[str, list[str]]:
    hooks: dict[str, list[str]] = toml_below("## Notifications")[number]["hooks"]
    return hooks


def pointed_at(address: str, command: list[str]) -> list[str]:
    return [*command[:-1], re.sub("^https://[^/]*", address, command[-1])]


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl here")
def test_the_line_for_healthchecks_posts_what_its_filters_look_for(workshop: Workshop, receiver: str) -> None:
    workshop.configure("hooks", on_session_end=pointed_at(receiver, offered(0)["on_session_end"]))
    assert '"hook_told"' in workshop.imported().stderr
    [(path, body)] = Receiver.posted
    assert path.startswith("/8b1c5a1e")
    assert b'"status": "completed"' in body


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl here")
def test_the_line_for_telegram_sends_a_text(workshop: Workshop, receiver: str) -> None:
    workshop.configure("hooks", on_degraded=pointed_at(receiver, offered(0)["on_degraded"]))
    with daemon(workshop):
        workshop.exchange.rename(workshop.place / "elsewhere")
        eventually(lambda: Receiver.posted)
    [(path, body)] = Receiver.posted
    sent = parse_qs(body.decode())
    assert path == "/bot123:TOKEN/sendMessage"
    assert sent["chat_id"] == ["42"]
    assert json.loads(sent["text"][0])["degraded"] is True


def test_the_line_for_mail_gives_it_a_subject_and_the_text(workshop: Workshop) -> None:
    programs = workshop.place / "bin"
    programs.mkdir()
    (programs / "mail").write_text(f'#!/bin/sh\n(printf "%s\\n" "$@"; cat) > {workshop.place}/sent\n')
    (programs / "mail").chmod(0o755)
    workshop.configure("hooks", on_session_end=offered(1)["on_degraded"])
    workshop.imported(environment={"PATH": f"{programs}:{os.environ['PATH']}"})
    option, subject, recipient, *text = (workshop.place / "sent").read_text().splitlines()
    assert (option, subject, recipient) == ("-s", "onec-images on shop.example", "root")
    assert json.loads("\n".join(text))["status"] == "completed"
