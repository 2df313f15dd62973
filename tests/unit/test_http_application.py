from typing import Any

import pytest
from structlog.testing import capture_logs
from support.snapshots import ending, snapshot, state

from daemon.http.application import Application
from daemon.http.page import Page
from daemon.http.snapshot import Snapshot


class Client:
    """Asks an application as a server would."""

    def __init__(self, shown: Snapshot) -> None:
        self.shown = shown
        self.application = Application(self._snapshot)
        self.status = ""
        self.headers: dict[str, str] = {}

    def _snapshot(self) -> Snapshot:
        return self.shown

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, dict(headers)

    def ask(self, path: str, method: str = "GET", **environ: str) -> str:
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, **environ}
        return b"".join(self.application(environ, self._start)).decode()


@pytest.fixture
def client() -> Client:
    return Client(snapshot())


def test_a_service_that_is_well_answers_200(client: Client) -> None:
    assert client.ask("/healthz") == "ok\n"
    assert client.status == "200 OK"


def test_a_service_that_is_unwell_answers_503_with_the_reasons(client: Client) -> None:
    client.shown = snapshot(state=state(degraded=True, why=("no space", "имя \udcff")))
    assert client.ask("/healthz") == "no space\nимя \\udcff\n"
    assert client.status == "503 Service Unavailable"


def test_health_is_looked_at_each_time(client: Client) -> None:
    client.ask("/healthz")
    client.shown = snapshot(state=state(degraded=True, why=("no space",)))
    assert client.ask("/healthz") == "no space\n"


def test_metrics_are_text(client: Client) -> None:
    assert "onec_images_pictures_total" in client.ask("/metrics")
    assert client.headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_the_page_is_in_the_language_that_is_asked_for(client: Client) -> None:
    assert '<html lang="ru">' in client.ask("/", HTTP_ACCEPT_LANGUAGE="ru-RU,ru;q=0.9")
    assert client.headers["Content-Language"] == "ru"
    assert client.headers["Vary"] == "Accept-Language"
    assert '<html lang="en">' in client.ask("/")


def test_names_that_are_not_text_do_not_break_the_page(client: Client) -> None:
    client.shown = snapshot(sessions=(ending(error="\udcff"),))
    assert "\\udcff" in client.ask("/")


def test_many_readers_cost_one_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def write(_page: Page, _shown: Snapshot, language: str) -> str:
        written.append(language)
        return "<main>"

    monkeypatch.setattr(Page, "written", write)
    for _ in range(100):
        assert client.ask("/") == "<main>"
    assert len(written) <= 2  # or a second has passed


def test_what_is_new_is_shown_at_once(client: Client) -> None:
    assert "no space" not in client.ask("/")
    client.shown = snapshot(state=state(degraded=True, why=("no space",)))
    assert "no space" in client.ask("/")


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/else"])
def test_every_answer_forbids_what_it_does_not_need(client: Client, path: str) -> None:
    client.ask(path)
    assert client.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in client.headers["Content-Security-Policy"]
    assert client.headers["X-Content-Type-Options"] == "nosniff"
    assert client.headers["Cache-Control"] == "no-store"
    assert client.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz"])
def test_a_head_is_the_same_without_its_body(client: Client, path: str) -> None:
    length = len(client.ask(path).encode())
    assert client.ask(path, "HEAD") == ""
    assert client.headers["Content-Length"] == str(length)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_can_be_written(client: Client, method: str) -> None:
    client.ask("/", method)
    assert client.status == "405 Method Not Allowed"
    assert client.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/favicon.ico", "/metrics/", "//", "/../etc/passwd", "/<script>"])
def test_there_is_nothing_else(client: Client, path: str) -> None:
    assert "script" not in client.ask(path)
    assert client.status == "404 Not Found"


def test_what_goes_wrong_is_logged_and_the_next_request_is_answered(client: Client) -> None:
    right, client.shown = client.shown, None  # type: ignore[assignment]
    with capture_logs() as entries:
        client.ask("/metrics")
    assert client.status == "500 Internal Server Error"
    assert [entry["event"] for entry in entries] == ["http_failed"]
    client.shown = right
    client.ask("/metrics")
    assert client.status == "200 OK"


def test_each_answer_waits_for_its_turn() -> None:
    turns: list[Any] = []
    application = Application(snapshot, lambda: turns.append(1))
    application({"REQUEST_METHOD": "GET", "PATH_INFO": "/healthz"}, lambda *_: None)
    assert turns == [1]
