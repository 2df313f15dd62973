"""The figures of the service as Prometheus reads them."""

from collections.abc import Callable, Iterator
from functools import partial

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from daemon.http.distribution import Histogram
from daemon.http.snapshot import Snapshot
from daemon.state import STATES

_PREFIX = "onec_images"


class Metrics:
    """What is written for Prometheus, of a registry of our own."""

    def __init__(self, version: str, snapshot: Callable[[], Snapshot]) -> None:
        """Given the version of the program and where the figures come from."""
        self._registry = CollectorRegistry()
        self._registry.register(_Figures(version, snapshot))
        ProcessCollector(_PREFIX, registry=self._registry)

    def encoder(self, accept: str) -> tuple[str, Callable[[], bytes]]:
        """Given the Accept header of a request, return the content type, and what writes all figures so."""
        encode, content_type = choose_encoder(accept)
        return content_type, partial(encode, self._registry)


class _Figures(Collector):
    """The figures of the snapshot that is there when they are asked for."""

    def __init__(self, version: str, snapshot: Callable[[], Snapshot]) -> None:
        self._version = version
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Yield each figure with what it means."""
        snapshot = self._snapshot()
        yield InfoMetricFamily(f"{_PREFIX}_build", "The program.", {"version": self._version})
        yield from _pictures(snapshot)
        yield from _sessions(snapshot)
        yield from _batches(snapshot)
        yield from _waiting(snapshot)
        yield from _health(snapshot)


def _pictures(snapshot: Snapshot) -> Iterator[Metric]:
    totals = snapshot.totals
    pictures = CounterMetricFamily(
        f"{_PREFIX}_pictures",
        "Pictures that imports have looked at, by what became of them: copied, skipped since they were current,"
        " or error. Imports under way are counted as they go.",
        labels=["result"],
    )
    pictures.add_metric(["copied"], totals.copied)
    pictures.add_metric(["skipped"], totals.skipped)
    pictures.add_metric(["error"], totals.errors)
    yield pictures
    yield CounterMetricFamily(f"{_PREFIX}_copied_bytes", "Bytes of pictures copied.", totals.bytes_copied)


def _sessions(snapshot: Snapshot) -> Iterator[Metric]:
    sessions = CounterMetricFamily(
        f"{_PREFIX}_sessions",
        "Imports that have ended, by what they import, what made them start and how they ended.",
        labels=["import_type", "trigger", "status"],
    )
    for labels, number in snapshot.ended:
        sessions.add_metric(list(labels), number)
    yield sessions
    yield GaugeMetricFamily(
        f"{_PREFIX}_last_full_import_timestamp_seconds",
        "When the last import of all products ended with success, in seconds since 1970; 0: never, as far as is known.",
        snapshot.full_import.timestamp() if snapshot.full_import else 0,
    )


def _batches(snapshot: Snapshot) -> Iterator[Metric]:
    batches = CounterMetricFamily(
        f"{_PREFIX}_batches",
        "Batches of changed products, by status: completed, or failed, whose products are tried again.",
        labels=["status"],
    )
    batches.add_metric(["completed"], snapshot.batches.count)
    batches.add_metric(["failed"], snapshot.batches_failed)
    yield batches
    yield _histogram(
        "batch_duration_seconds",
        "How long a completed batch of changed products took, waiting for the database included.",
        snapshot.batches,
    )
    yield _histogram(
        "event_to_row_seconds",
        "How long after it was due a changed product was on its row, to the end of its batch. It is due [watch] settle"
        " after the last event of its pictures, or max_wait after the first, or at once if the catalogue names it."
        " Products that are not in the database are not counted.",
        snapshot.delays,
    )


def _histogram(name: str, meaning: str, histogram: Histogram) -> Metric:
    buckets = [(str(bound), float(count)) for bound, count in histogram.buckets]
    return HistogramMetricFamily(
        f"{_PREFIX}_{name}", meaning, [*buckets, ("+Inf", float(histogram.count))], histogram.sum
    )


def _waiting(snapshot: Snapshot) -> Iterator[Metric]:
    state = snapshot.state
    yield GaugeMetricFamily(
        f"{_PREFIX}_pending_products",
        "Changed products that wait to settle or for their turn.",
        state.pending if state else 0,
    )
    yield GaugeMetricFamily(
        f"{_PREFIX}_oldest_pending_age_seconds",
        "How long the changed product that has waited longest has waited; 0 if none does.",
        (state.oldest_pending_s or 0) if state else 0,
    )
    yield GaugeMetricFamily(
        f"{_PREFIX}_unmatched_products",
        "Products that are waited for: pictures of them are there, and they are not in the database, or not active.",
        state.unmatched if state else 0,
    )


def _health(snapshot: Snapshot) -> Iterator[Metric]:
    state = snapshot.state
    doing = GaugeMetricFamily(f"{_PREFIX}_state", "1 for what the service does now.", labels=["state"])
    for name in STATES:
        doing.add_metric([name], name == (state.state if state else "starting"))
    yield doing
    yield GaugeMetricFamily(
        f"{_PREFIX}_degraded",
        "1 if the service is not as it should be; /healthz says why.",
        state.degraded if state else 0,
    )
    yield GaugeMetricFamily(
        f"{_PREFIX}_database_up", "1 if the database can be worked with.", snapshot.is_database_up
    )
    yield CounterMetricFamily(
        f"{_PREFIX}_watch_generations",
        "How often everything was watched anew: at the start, at each reload, after trouble with the watches.",
        snapshot.generations,
    )
    yield GaugeMetricFamily(
        f"{_PREFIX}_start_time_seconds",
        "When the service began, in seconds since 1970.",
        state.since.timestamp() if state else 0,
    )
    yield GaugeMetricFamily(
        f"{_PREFIX}_snapshot_timestamp_seconds",
        "When these figures were told by the service, in seconds since 1970: every second or two.",
        snapshot.moment.timestamp(),
    )
