"""The service is seen over HTTP while it works, whatever its clients do."""

import http.client
import json
import shutil
import signal
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.daemon_process import daemon, eventually
from support.ports import free_port
from support.workshop import Workshop, paths

_SETTLE = 0.3


@dataclass(frozen=True)
class Site:
    """What the service shows."""

    port: int = field(default_factory=free_port)

    @property
    def listen(self) -> str:
        """The address as the configuration has it."""
        return f"127.0.0.1:{self.port}"

    def ask(self, path: str, **headers: str) -> tuple[int, str]:
        """Return status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def page(self) -> str:
        """Return the page."""
        return self.ask("/")[1]

    def is_there(self) -> bool:
        """Return whether anybody listens."""
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def metric(self, name: str, **labels: str) -> float | None:
        """Return the value of a metric, None if there is none."""
        for family in text_string_to_metric_families(self.ask("/metrics")[1]):
            for sample in family.samples:
                if sample.name == f"onec_images_{name}" and sample.labels == labels:
                    return sample.value
        return None


@pytest.fixture
def site(lite: Workshop) -> Site:
    made = Site()
    lite.configure("watch", settle=_SETTLE, max_wait=3, retry_unmatched=0.5)
    lite.configure("http", listen=made.listen)
    return made


def test_nothing_is_listened_on_unless_it_is_asked_for(lite: Workshop, site: Site) -> None:
    lite.configure("http", listen="")
    with daemon(lite):
        assert not site.is_there()


def test_what_was_imported_is_counted_and_shown(lite: Workshop, site: Site) -> None:
    lite.products("7")
    lite.pictures("7_a.jpg", "00/7_b.jpg")
    lite.picture("7_c.jpg", "")
    with daemon(lite) as service:
        service.wait_for_session(trigger="startup")
        eventually(lambda: site.metric("pictures_total", result="copied") == 2)
        assert site.metric("pictures_total", result="error") == 1
        assert site.metric("database_up") == 1
        assert site.metric("watch_generations_total") == 1
        eventually(lambda: site.metric("last_full_import_timestamp_seconds"))
        labels = {"import_type": "images", "trigger": "startup", "status": "completed"}
        assert site.metric("sessions_total", **labels) == 1
        page = site.page()
        assert "goods/import_files/7_c.jpg" in page
        assert "is empty" in page
        assert "start of the service" in page


def test_how_late_a_changed_product_was_on_its_row_is_measured(lite: Workshop, site: Site) -> None:
    lite.products("7")
    with daemon(lite) as service:
        service.wait_for_session(trigger="startup")
        lite.picture("7_a.jpg")
        eventually(lambda: site.metric("event_to_row_seconds_count") == 1)
        late = site.metric("event_to_row_seconds_sum")
        assert late is not None
        assert late < 1  # without settle, but with a busy machine
        assert site.metric("batches_total", status="completed") == 1


def test_pictures_without_a_product_are_counted_and_named(lite: Workshop, site: Site) -> None:
    with daemon(lite):
        lite.picture("00/7_a.jpg")
        eventually(lambda: site.metric("unmatched_products") == 1)
        eventually(lambda: "00/7_a…" in site.page())
        lite.products("7")
        eventually(lambda: site.metric("unmatched_products") == 0)


def test_a_hostile_file_name_is_text_on_the_page(lite: Workshop, site: Site) -> None:
    name = '7_<script>alert(1)<!--"><img src=x onerror=alert(1)>.jpg'
    lite.products("7")
    lite.picture(name, "")
    lite.picture("x<script>alert(2)<!--_a.jpg")
    with daemon(lite):
        eventually(lambda: "alert(1)" in site.page() and "alert(2)" in site.page())
        page = site.page()
        assert "<script>alert" not in page
        assert "<img" not in page
        assert page.count("<!--") == 0


def test_a_service_that_is_well_says_so_and_one_that_is_not_says_why(lite: Workshop, site: Site) -> None:
    with daemon(lite):
        assert site.ask("/healthz") == (200, "ok\n")
        shutil.rmtree(lite.exchange)
        status, reason = eventually(lambda: (told := site.ask("/healthz"))[0] == 503 and told)  # type: ignore[misc]
        assert (status, reason) == (503, f"the exchange directory {lite.exchange} is not there\n")
        assert f"the exchange directory {lite.exchange} is not there" in site.page()
        lite.root.mkdir(parents=True)
        eventually(lambda: site.ask("/healthz") == (200, "ok\n"))


def test_what_former_processes_did_is_shown_after_a_restart(lite: Workshop, site: Site) -> None:
    lite.products("7")
    lite.picture("7_a.jpg")
    lite.picture("7_b.jpg", "")
    time.sleep(_SETTLE)  # pictures of just now would be left to a batch
    with daemon(lite) as service:
        service.wait_for_session(trigger="startup")
    lite.configure("import", on_startup=False)
    with daemon(lite):
        page = site.page()
        assert "start of the service" in page
        assert "7_b.jpg" in page
        assert "copied 1, errors 1" in page  # the bar of those five minutes
        assert site.metric("pictures_total", result="copied") == 0
        assert site.metric("last_full_import_timestamp_seconds")


def test_a_port_in_use_is_one_line_and_the_lock_is_let_go(lite: Workshop, site: Site) -> None:
    with socket.create_server(("127.0.0.1", site.port)):
        result = lite.run("run")
    assert result.status == 78
    assert result.stderr.splitlines()[-1] == (
        f"onec-images: [http] listen: {site.listen} cannot be listened on: address already in use"
    )
    assert "Traceback" not in result.stderr
    lite.configure("http", listen="")
    lite.imported()


def test_a_second_service_with_the_same_configuration_is_told_of_the_lock(lite: Workshop, site: Site) -> None:
    with daemon(lite):
        assert site.is_there()
        assert lite.run("run").status == 75


def test_a_service_that_stands_by_is_seen_when_it_takes_over(lite: Workshop, site: Site) -> None:
    with daemon(lite) as first, daemon(lite, "--wait") as second:
        assert site.is_there()
        first.stop()
        second.wait_until_told("STATUS=Watching")
        assert site.ask("/healthz") == (200, "ok\n")
        assert site.metric("state", state="watching") == 1


def test_the_port_stays_open_through_a_reload_and_the_figures_go_on(lite: Workshop, site: Site) -> None:
    lite.products("7")
    lite.picture("7_a.jpg")
    with daemon(lite) as service:
        eventually(lambda: site.metric("pictures_total", result="copied") == 1)
        service.reload()
        assert site.metric("pictures_total", result="copied") == 1
        assert site.metric("watch_generations_total") == 2


def test_a_reload_moves_the_service_to_another_port(lite: Workshop, site: Site) -> None:
    other = Site()
    with daemon(lite) as service:
        lite.configure("http", listen=other.listen)
        service.reload()
        assert other.ask("/healthz")[0] == 200
        assert not site.is_there()
        lite.configure("http", listen="")
        service.reload()
        assert not other.is_there()


def test_a_reload_to_a_port_in_use_is_refused(lite: Workshop, site: Site) -> None:
    other = Site()
    with daemon(lite) as service, socket.create_server(("127.0.0.1", other.port)):
        lite.configure("http", listen=other.listen)
        service.running.signal(signal.SIGHUP)
        eventually(lambda: service.entries("reload_refused"))
        [refused] = service.entries("reload_refused")
        assert f"{other.listen} cannot be listened on: address already in use" in refused["message"]
        eventually(site.is_there)
        eventually(lambda: site.ask("/healthz") == (200, "ok\n"))


def test_clients_that_do_not_behave_do_not_hold_an_import_up(lite: Workshop, site: Site) -> None:
    lite.products("7")
    with daemon(lite) as service, ExitStack() as clients:
        service.wait_for_session(trigger="startup")
        for number in range(200):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", site.port), timeout=10))
            client.sendall([b"GET / HT", b"GET / HTTP/1.1\r\n\r\n" * 20][number % 2])  # reads nothing
        lite.picture("7_a.jpg")
        began = time.monotonic()
        eventually(lambda: lite.named("7") == paths("7", "7_a.jpg"), within=_SETTLE + 2)
        assert time.monotonic() - began < _SETTLE + 2
        assert json.loads(lite.run("status", "--json").stdout)["degraded"] is False
        service.stop()
