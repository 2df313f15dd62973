"""The real server, with clients that behave and clients that do not."""

import errno
import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from support.ports import free_port
from support.snapshots import snapshot

from daemon.errors import ConfigurationError
from daemon.http import server as servers
from daemon.http.server import Server


@pytest.fixture
def port() -> Iterator[int]:
    port = free_port()
    server = Server(f"127.0.0.1:{port}", snapshot)
    yield port
    server.close()


def answer(port: int, path: str = "/healthz", host: str = "127.0.0.1", within: float = 10) -> bytes:
    connection = http.client.HTTPConnection(host, port, timeout=within)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def raw(port: int, text: bytes) -> bytes:
    """Send what may be no request, and return all that comes back until the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(text)
        received = b""
        with suppress(ConnectionResetError):  # what was sent beyond the limit is not even read
            while piece := client.recv(65536):
                received += piece
        return received


def is_refused(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def test_what_is_asked_for_is_answered(port: int) -> None:
    assert answer(port) == b"ok\n"
    assert b"onec_images_pictures_total" in answer(port, "/metrics")
    assert b"<main>" in answer(port, "/")


def test_a_connection_serves_more_than_one_request(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(3):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
    connection.close()


def test_the_server_does_not_say_what_it_is(port: int) -> None:
    received = raw(port, b"GET / HTTP/1.0\r\n\r\n")
    assert b"\r\nServer:" not in received


@pytest.mark.parametrize(
    "text, status",
    [
        (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n" + b"x" * 2000, b"413"),
        (b"nonsense\r\n\r\n", b"400"),
    ],
)
def test_what_is_too_much_or_no_request_is_refused(port: int, text: bytes, status: bytes) -> None:
    assert raw(port, text).split()[1] == status
    assert answer(port) == b"ok\n"


def test_a_server_that_is_closed_is_gone_and_its_port_free(port: int) -> None:
    other = free_port()
    for _ in range(2):
        server = Server(f"127.0.0.1:{other}", snapshot)
        assert answer(other) == b"ok\n"
        server.close()
        assert is_refused(other)
    assert answer(port) == b"ok\n"


def test_a_server_is_closed_whatever_its_clients_do() -> None:
    port = free_port()
    server = Server(f"127.0.0.1:{port}", snapshot)
    with ExitStack() as clients:
        for _ in range(10):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert answer(port) == b"ok\n"
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 1


def test_a_port_in_use_is_one_clear_line(port: int) -> None:
    with pytest.raises(
        ConfigurationError,
        match=rf"^\[http\] listen: 127.0.0.1:{port} cannot be listened on: address already in use$",
    ):
        Server(f"127.0.0.1:{port}", snapshot)


@pytest.mark.parametrize("listen", ["192.0.2.1:9464", "no-such-host.invalid:9464"])
def test_an_address_that_is_not_ours_is_one_clear_line(listen: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^\[http\] listen: .* cannot be listened on: .+$"):
        Server(listen, snapshot)


def test_a_name_is_listened_on_at_each_of_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", port, 0, 0)),  # has it, not here
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_given, **_more: found)
    server = Server(f"localhost:{port}", snapshot)
    monkeypatch.undo()
    assert answer(port) == answer(port, host="127.0.0.2") == b"ok\n"
    server.close()


def test_ipv6_is_listened_on() -> None:
    port = free_port()
    try:
        server = Server(f"[::1]:{port}", snapshot)
    except ConfigurationError:
        pytest.skip("this machine has no IPv6")
    assert answer(port, host="::1") == b"ok\n"
    server.close()


# Clients that do not behave -------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server that gives its clients a second."""
    monkeypatch.setattr(servers, "_LONGEST_CONNECTION", 1)
    monkeypatch.setattr(servers, "_CLEANUP", 1)
    terms = {**servers._TERMS, "cleanup_interval": 1}  # noqa: SLF001  there is no other way
    monkeypatch.setattr(servers, "_TERMS", terms)
    port = free_port()
    server = Server(f"127.0.0.1:{port}", snapshot)
    yield port
    server.close()


def dribble(client: socket.socket, text: bytes, seconds: float) -> None:
    """Send a text again and again for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        client.sendall(text)
        time.sleep(0.1)


def test_whoever_writes_a_byte_now_and_then_is_cut_off(impatient: int) -> None:
    with socket.create_connection(("127.0.0.1", impatient), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            dribble(client, b"X: y\r\n", seconds=8)


def test_whoever_reads_nothing_is_cut_off(impatient: int) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        client.connect(("127.0.0.1", impatient))
        client.sendall(b"GET / HTTP/1.1\r\n\r\n" * 50)
        time.sleep(3)
        with pytest.raises(ConnectionError):
            dribble(client, b"GET / HTTP/1.1\r\n\r\n", seconds=1)
    assert answer(impatient) == b"ok\n"


def test_two_hundred_clients_that_say_nothing_are_in_nobodys_way(port: int) -> None:
    with ExitStack() as clients:
        for _ in range(200):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            client.sendall(b"GET / HT")
        began = time.monotonic()
        assert answer(port) == b"ok\n"
        assert time.monotonic() - began < 1
