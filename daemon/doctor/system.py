"""Whether the machine allows what the service needs, and nothing else has taken the name of our package."""

import resource
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from daemon.config import Settings
from daemon.doctor.directories import SEE_KERNEL
from daemon.doctor.finding import Finding, error, guarded, ok, warning

_INOTIFY = Path("/proc/sys/fs/inotify")
_SYSCTL_FILE = "/etc/sysctl.d/60-onec-images.conf"

_WATCHES_PER_ROOT = 257  # itself, and its directories 00 to ff
_QUEUE = 16_384  # events
_INSTANCES = 16
_OPEN_FILES = 1_024

_PACKAGE = "daemon"
_OURS = frozenset({"onec-images"})
_OWN_ENVIRONMENT = "python3 -m venv /opt/onec-images && /opt/onec-images/bin/pip install onec-images"


def examine(settings: Settings) -> Iterator[Finding]:
    """Given the settings, yield what is found."""
    if settings.watch.backend != "polling":
        yield from guarded("inotify", SEE_KERNEL, inotify(len(settings.exchange.image_roots)))
    yield open_files()
    yield name_clash()


def inotify(roots: int, limits: Path = _INOTIFY) -> Iterator[Finding]:
    """Given the number of image roots, and where the kernel shows its limits, yield whether they suffice."""
    if not limits.is_dir():
        remedy = 'set [watch] backend to "polling"'
        yield warning("inotify", "this kernel tells of no changes of files", remedy)
        return
    needed = {
        "max_user_watches": roots * _WATCHES_PER_ROOT,
        "max_queued_events": _QUEUE,
        "max_user_instances": _INSTANCES,
    }
    for name, least in needed.items():
        yield _limit(name, least, int((limits / name).read_text(encoding="ascii")))


def _limit(name: str, least: int, found: int) -> Finding:
    subject, key = f"inotify {name}", f"fs.inotify.{name}"
    if found >= least:
        return ok(subject, f"{found}, {least} are needed")
    remedy = f"sysctl -w {key}={least} && echo '{key} = {least}' >> {_SYSCTL_FILE}"
    return warning(subject, f"only {found} where {least} are needed", remedy)


def open_files() -> Finding:
    """Return whether this process may open as many files as an import does."""
    subject = "open files"
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return ok(subject, "any number may be open")
    if soft < _OPEN_FILES:
        remedy = f"ulimit -n {_OPEN_FILES} in a shell, LimitNOFILE={_OPEN_FILES} in a unit of systemd"
        return warning(subject, f"only {soft} may be open where {_OPEN_FILES} are needed", remedy)
    return ok(subject, f"{soft} may be open")


def name_clash() -> Finding:
    """Return whether another distribution in this environment brings a package of our name."""
    subject = "package name"
    others = sorted(set(map(str, packages_distributions().get(_PACKAGE, ()))) - _OURS)
    if not others:
        return ok(subject, f"no other distribution in this environment has a package {_PACKAGE!r}")
    message = f"{', '.join(others)} in this environment has a package {_PACKAGE!r} too: it overwrites ours"
    return error(subject, message, _OWN_ENVIRONMENT)
