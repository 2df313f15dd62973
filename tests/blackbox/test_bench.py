"""The benchmark runs, with figures too small to mean anything."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_BENCH = Path(__file__).parents[1] / "bench"

#: So little of everything that all of it together is done in some seconds.
_TINY = ("--products=6", "--size=500", "--pairs=1", "--throw-away=0", "--steps=2", "--idle=0.3")


def run(*arguments: str | Path, **environment: str) -> str:
    """Run the benchmark in a directory and return what it says."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, _BENCH, *arguments],
        env=surroundings | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def reports(file: Path) -> dict[str, Any]:
    return {report["name"]: report for report in json.loads(file.read_text(encoding="utf-8"))["reports"]}


@pytest.mark.timeout(300)  # some twenty seconds of work, which a busy machine draws out
@pytest.mark.skipif(shutil.which("rsync") is None, reason="half of it is a comparison with rsync")
def test_every_measurement_gives_its_figures(tmp_path: Path) -> None:
    place, file, plot = tmp_path / "place", tmp_path / "figures.json", tmp_path / "growth.png"
    place.mkdir()
    said = run("all", *_TINY, "--database=sqlite", "--place", place, "--json", file, "--plot", plot)
    assert not list(place.iterdir())
    assert plot.read_bytes().startswith(b"\x89PNG")
    found = reports(file)
    assert list(found) == ["first", "unchanged", "reference", "growth", "memory", "latency", "burst"]
    for name, report in found.items():
        assert f"## {name}\n" in said
        assert report["machine"]["date"]
        assert report["figures"]
        assert all(figure["reached"] in {True, False, None} for figure in report["figures"])
    [lost] = [figure["value"] for figure in found["burst"]["figures"] if figure["what"].endswith("lost")]
    assert lost == 0


def test_what_cannot_be_measured_is_said(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    said = run("unchanged", *_TINY, "--place", tmp_path, "--json", file, PATH="/nowhere")
    assert "Not measured: rsync is not installed" in said
    assert reports(file)["unchanged"]["figures"] == []
