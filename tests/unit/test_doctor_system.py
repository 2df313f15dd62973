"""Whether the machine allows what the service needs."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.config import Settings
from daemon.doctor import system
from daemon.doctor.finding import State


@pytest.fixture
def limits(tmp_path: Path) -> Path:
    for name, limit in {
        "max_user_watches": 514,
        "max_queued_events": 16_384,
        "max_user_instances": 128,
    }.items():
        (tmp_path / name).write_text(f"{limit}\n")
    return tmp_path


@pytest.fixture
def soft_limit() -> Iterator[int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_enough_watches_for_every_directory_of_two_roots_are_well(limits: Path) -> None:
    assert {finding.state for finding in system.inotify(2, limits)} == {State.OK}


def test_too_few_watches_are_a_warning_with_what_raises_them(limits: Path) -> None:
    [found] = [finding for finding in system.inotify(3, limits) if finding.state is not State.OK]
    assert found.state is State.WARNING
    assert found.subject == "inotify max_user_watches"
    assert found.message == "only 514 where 771 are needed"
    assert found.remedy == (
        "sysctl -w fs.inotify.max_user_watches=771 && "
        "echo 'fs.inotify.max_user_watches = 771' >> /etc/sysctl.d/60-onec-images.conf"
    )


def test_a_short_queue_is_a_warning(limits: Path) -> None:
    (limits / "max_queued_events").write_text("1024\n")
    [found] = [finding for finding in system.inotify(1, limits) if finding.state is not State.OK]
    assert found.remedy.startswith("sysctl -w fs.inotify.max_queued_events=16384")


def test_a_kernel_without_inotify_leaves_polling(tmp_path: Path) -> None:
    [found] = system.inotify(1, tmp_path / "inotify")
    assert found.state is State.WARNING
    assert found.remedy == 'set [watch] backend to "polling"'


def test_whoever_polls_needs_no_watches() -> None:
    polling = Settings.model_validate({"watch": {"backend": "polling"}})
    assert not [finding for finding in system.examine(polling) if finding.subject.startswith("inotify")]
    assert [finding for finding in system.examine(Settings()) if finding.subject.startswith("inotify")]


def test_few_open_files_are_a_warning(soft_limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, soft_limit))
    found = system.open_files()
    assert found.state is State.WARNING
    assert found.message == "only 512 may be open where 1024 are needed"
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, soft_limit))
    assert system.open_files().state is State.OK


def test_nothing_else_in_this_environment_has_our_name() -> None:
    assert system.name_clash().state is State.OK


def test_another_package_of_our_name_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution = tmp_path / "python_daemon-3.1.2.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: python-daemon\nVersion: 3.1.2\n")
    (distribution / "top_level.txt").write_text("daemon\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = system.name_clash()
    assert found.state is State.ERROR
    assert found.message.startswith("python-daemon in this environment")
    assert found.remedy.startswith("python3 -m venv ")
