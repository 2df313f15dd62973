"""Whoever waits for long work sees how far it is: a bar on a terminal, lines elsewhere, a status under systemd."""

import json
import os
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.daemon_process import eventually
from support.services import IMPORTING, service
from support.terminals import Shown, shown
from support.workshop import Workshop

from daemon.config import load
from daemon.shop import state_place
from daemon.triggers.result import completed
from daemon.triggers.spot import TriggerSpot

_MANY = [f"{number:03}" for number in range(200)]
_HIDE_CURSOR = "\x1b[?25l"  # what a bar begins with


@pytest.fixture
def filled(lite: Workshop) -> Workshop:
    """Return a shop with two hundred products, each with a picture."""
    lite.products(*_MANY)
    lite.pictures(*(f"{onec_id}.jpg" for onec_id in _MANY))
    return lite


def at_terminal(workshop: Workshop, *arguments: str, stdout_too: bool = False) -> Shown:
    return shown(["--config", str(workshop.config_file), *arguments], workshop.place, stdout_too=stdout_too)


@pytest.mark.parametrize(
    "command, title",
    [
        (("import",), "Importing"),
        (("catalog",), "Loading"),
        (("report", "no-picture"), "Looking"),
        (("init-db",), "Making the tables"),
        (("check",), "Examining"),
    ],
)
def test_there_is_a_bar_on_a_terminal_alone(filled: Workshop, command: tuple[str, ...], title: str) -> None:
    filled.catalogue(dict.fromkeys(_MANY, ()))
    seen = at_terminal(filled, *command)
    assert title in seen.terminal
    assert _HIDE_CURSOR in seen.terminal
    assert title not in filled.run(*command).stderr


@pytest.mark.parametrize("kind", ["unmatched", "no-picture"])
def test_a_list_goes_where_it_is_sent_to_while_there_is_a_bar(filled: Workshop, kind: str) -> None:
    filled.pictures("x_a.jpg", "y_b.jpg")
    filled.products("x y", "z")
    seen = at_terminal(filled, "report", kind)
    assert seen.stdout == filled.run("report", kind).stdout
    assert len(seen.stdout.splitlines()) == 2


def test_a_list_on_a_terminal_is_whole_beside_the_bar(filled: Workshop) -> None:
    filled.pictures("x_a.jpg", "y_b.jpg")
    filled.pictures(f"{'x' * 150}_a.jpg")
    seen = at_terminal(filled, "report", "unmatched", stdout_too=True)
    lines = filled.run("report", "unmatched").stdout.splitlines()
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.terminal)
    assert said.splitlines()[-len(lines) :] == lines


def test_what_the_doctor_says_on_a_terminal_is_as_it_is_elsewhere(filled: Workshop) -> None:
    seen = at_terminal(filled, "check", stdout_too=True)
    assert _HIDE_CURSOR not in seen.terminal
    said = re.sub("\x1b[^m]*m", "", seen.terminal).splitlines()
    assert len(said) == len(filled.run("check").stdout.splitlines())


def test_a_document_is_one_whatever_is_drawn(filled: Workshop) -> None:
    for command in (["check"], ["report", "errors"], ["import"]):
        assert json.loads(at_terminal(filled, *command, "--json").stdout)


# Waiting for a trigger ------------------------------------------------------------------------------------


def answered(workshop: Workshop) -> None:
    """Claim the trigger and answer it as the service does."""
    spot = TriggerSpot(workshop.exchange / "import_images.trigger", 0o644)
    claim = eventually(spot.claim)
    assert claim is not None
    assert claim.order is not None
    spot.finish(completed(claim.order, []))


def test_who_waits_for_a_trigger_sees_how_far_its_import_is(lite: Workshop) -> None:
    file = state_place(load(lite.config_file, {}), {})
    assert file is not None
    with service(file) as played, ThreadPoolExecutor() as others:
        played.tells(IMPORTING)
        answering = others.submit(answered, lite)
        seen = at_terminal(lite, "trigger", "--wait")
        answering.result()
    assert seen.status == 0
    assert "Waiting for the service" in seen.terminal
    assert "Full import (trigger)" in seen.terminal
    assert "41/100" in seen.terminal


def test_who_cannot_see_the_service_waits_all_the_same(lite: Workshop) -> None:
    with ThreadPoolExecutor() as others:
        answering = others.submit(answered, lite)
        assert at_terminal(lite, "trigger", "--wait").status == 0
        answering.result()


# Under systemd --------------------------------------------------------------------------------------------


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Return where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


def test_systemd_is_told_how_far_an_import_is(filled: Workshop, manager: socket.socket) -> None:
    filled.imported(environment={"NOTIFY_SOCKET": str(manager.getsockname())})
    assert manager.recv(4096).decode().startswith("STATUS=Importing: ")
    assert os.path.exists(manager.getsockname())
    assert eventually(filled.sessions)
