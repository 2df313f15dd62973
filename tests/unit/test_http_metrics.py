import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from support.snapshots import snapshot, state

from daemon.http.distribution import Histogram
from daemon.http.metrics import Metrics
from daemon.http.snapshot import Snapshot, Totals

_OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def written(shown: Snapshot, accept: str = "") -> str:
    _, encode = Metrics("1.2.3", lambda: shown).encoder(accept)
    return encode().decode()


def samples(shown: Snapshot) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(written(shown))
        for sample in family.samples
    }


def value(shown: Snapshot, name: str, **labels: str) -> float:
    return samples(shown)[f"onec_images_{name}", tuple(sorted(labels.items()))]


def test_pictures_are_counted_by_what_became_of_them() -> None:
    shown = snapshot(totals=Totals(copied=5, skipped=7, errors=2, bytes_copied=1000))
    assert value(shown, "pictures_total", result="copied") == 5
    assert value(shown, "pictures_total", result="skipped") == 7
    assert value(shown, "pictures_total", result="error") == 2
    assert value(shown, "copied_bytes_total") == 1000


def test_sessions_are_counted_by_kind_trigger_and_end() -> None:
    shown = snapshot(ended=((("images", "watch", "completed"), 3), (("catalog", "startup", "failed"), 1)))
    labels = {"import_type": "images", "trigger": "watch", "status": "completed"}
    assert value(shown, "sessions_total", **labels) == 3
    labels = {"import_type": "catalog", "trigger": "startup", "status": "failed"}
    assert value(shown, "sessions_total", **labels) == 1


def test_batches_and_delays_are_histograms() -> None:
    shown = snapshot(
        batches=Histogram(((0.1, 2), (1.0, 3)), 4, 9.5),
        delays=Histogram(((0.1, 2), (1.0, 2)), 2, 0.1),
        batches_failed=1,
    )
    assert value(shown, "batches_total", status="completed") == 4
    assert value(shown, "batches_total", status="failed") == 1
    assert value(shown, "batch_duration_seconds_bucket", le="1.0") == 3
    assert value(shown, "batch_duration_seconds_bucket", le="+Inf") == 4
    assert value(shown, "batch_duration_seconds_sum") == 9.5
    assert value(shown, "event_to_row_seconds_count") == 2


def test_what_waits_is_told() -> None:
    shown = snapshot(state=state(pending=3, oldest_pending_s=2.5, unmatched=4))
    assert value(shown, "pending_products") == 3
    assert value(shown, "oldest_pending_age_seconds") == 2.5
    assert value(shown, "unmatched_products") == 4
    assert value(snapshot(), "oldest_pending_age_seconds") == 0


def test_health_is_told() -> None:
    shown = snapshot(state=state(degraded=True, why=("x",)), is_database_up=False, generations=3)
    assert value(shown, "degraded") == 1
    assert value(shown, "database_up") == 0
    assert value(shown, "watch_generations_total") == 3
    assert value(snapshot(), "degraded") == 0
    assert value(snapshot(), "database_up") == 1


def test_the_present_state_is_the_one_that_is_1() -> None:
    shown = samples(snapshot(state=state(state="waiting")))
    states = {dict(labels)["state"]: n for (name, labels), n in shown.items() if name == "onec_images_state"}
    assert states.pop("waiting") == 1
    assert set(states.values()) == {0}


def test_the_last_full_import_has_a_time_and_none_has_zero() -> None:
    at = datetime(2026, 11, 27, tzinfo=UTC)
    shown = snapshot(full_import=at)
    assert value(shown, "last_full_import_timestamp_seconds") == at.timestamp()
    assert value(snapshot(), "last_full_import_timestamp_seconds") == 0


def test_the_version_and_the_process_are_told() -> None:
    assert value(snapshot(), "build_info", version="1.2.3") == 1
    assert value(snapshot(), "process_resident_memory_bytes") > 0


def test_a_service_that_has_told_nothing_yet_has_figures() -> None:
    assert value(snapshot(state=None), "state", state="starting") == 1


@pytest.mark.parametrize("accept", ["", _OPENMETRICS])
def test_names_follow_the_conventions(accept: str) -> None:
    parse = openmetrics if accept else text_string_to_metric_families
    families = list(parse(written(snapshot(), accept)))
    assert len(families) > 15
    for family in families:
        assert re.fullmatch(r"onec_images_[a-z_]+", family.name)
        assert family.documentation
        counts = {sample.name.endswith("_total") for sample in family.samples}
        assert counts <= {family.type == "counter"}
        assert not re.search(r"_(ms|milliseconds|count)$", family.name)


def test_every_figure_is_in_the_readme_and_every_one_there_exists() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text()
    told = set(re.findall(r"^\| `onec_images_(\w+)", text, re.MULTILINE))
    families = text_string_to_metric_families(written(snapshot()))
    given = {
        f"{family.name}{'_total' if family.type == 'counter' else ''}".removeprefix("onec_images_")
        for family in families
    }
    assert told == {name for name in given if not name.startswith("process_")}


def test_the_content_type_is_that_of_the_format() -> None:
    metrics = Metrics("1", snapshot)
    assert metrics.encoder("")[0].startswith("text/plain; version=0.0.4")
    assert metrics.encoder(_OPENMETRICS)[0].startswith("application/openmetrics-text; version=1.0.0")
