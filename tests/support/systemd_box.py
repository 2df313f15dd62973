"""A throw-away machine with a real systemd and journald, booted in a container on a copy of this one's root.

Nothing of this machine changes: the copy is a layer in memory over the root file system, the mounts are private, and
the container has a control group of its own. It boots in half a second.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_BOOT_TIMEOUT = 60.0  # seconds; half a second is usual
_STOP_TIMEOUT = 15.0
_COMMAND_TIMEOUT = 60.0
_NAME = "onec-images-test-"

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {"PATH": _PATH, "LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}

#: What a boot would start, and no test asks for.
_MASKED = (
    "console-getty.service",
    "getty@.service",
    "ldconfig.service",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-logind.service",
    "systemd-machine-id-commit.service",
    "systemd-modules-load.service",
    "systemd-networkd.service",
    "systemd-random-seed.service",
    "systemd-resolved.service",
    "systemd-sysctl.service",
    "systemd-timesyncd.service",
    "systemd-udevd.service",
    "systemd-update-utmp.service",
)

_FILES = {
    "etc/systemd/system/default.target": (
        "[Unit]\nDescription=Tests\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n"
    ),
    # The default limit of the journal depends on the free disk.
    "etc/systemd/journald.conf.d/50-tests.conf": (
        "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nSystemMaxUse=64M\nForwardToSyslog=no\n"
    ),
}

#: Runs in a mount namespace of its own, with the layer's place as $1 and nspawn's arguments behind it.
_SETUP = r"""
set -eu
place=$1; shift
echo $$ > "$CONTROL_GROUP/cgroup.procs"
mkdir -p /run/systemd/nspawn; mount -t tmpfs tmpfs /run/systemd/nspawn  # what nspawn leaves there goes with us
mount -t tmpfs -o mode=0755 tmpfs "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay -o "lowerdir=/,upperdir=$place/upper,workdir=$place/work" overlay "$place/root"
root=$place/root
for own in etc/systemd/system var/lib/systemd var/log/journal; do rm -rf "$root/$own"; mkdir -p "$root/$own"; done
cp -r "$FILES/." "$root/"
for unit in $MASKED; do ln -s /dev/null "$root/etc/systemd/system/$unit"; done
exec systemd-nspawn --quiet --register=no --keep-unit --notify-ready=yes --link-journal=no --console=pipe \
    --kill-signal=SIGRTMIN+4 --directory="$root" --machine="$MACHINE" "$@" --boot
"""

#: Without these, IPAddressDeny= is not enforced in a container, and nobody says so.
_NETWORK_FILTERS = ("--capability=CAP_BPF,CAP_NET_ADMIN,CAP_PERFMON", "--system-call-filter=bpf")


def obstacle() -> str:
    """Return why no machine can be booted here, empty if one can."""
    if os.geteuid() != 0:
        return "only root can boot a container"
    if not shutil.which("systemd-nspawn") or not shutil.which("dbus-daemon"):
        return "programs are missing: apt-get install --no-install-recommends systemd-container dbus"
    if _control_groups() is None:
        return "no cgroup2 is mounted"
    return ""


def _control_groups() -> Path | None:
    """Return where the control groups of the second version are, if they are anywhere."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return next((Path(point) for _, point, kind, *_ in mounts if kind == "cgroup2"), None)


#: The first entry ends its reader too, which would not notice before the next one.
_FIRST_ENTRY = 'journalctl "$@" | { read -r entry; printf "%s\\n" "$entry"; kill 0; }'


class Box:
    """A machine that has booted, known by the process that is its first one."""

    def __init__(self, leader: int) -> None:
        self._leader = leader

    def run(
        self,
        *command: str,
        user: str | None = None,
        given: str | None = None,
        check: bool = True,
        within: float = _COMMAND_TIMEOUT,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root, or as a user, with a text on standard input.

        Raises AssertionError with what it said if it fails, unless that is not to be checked.
        """
        done = subprocess.run(
            [*self._entering(environment or {}), *(["runuser", "-u", user, "--"] if user else []), *command],
            input=given or "",
            text=True,
            capture_output=True,
            timeout=within,
            check=False,
        )
        assert not (check and done.returncode), f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def _entering(self, environment: Mapping[str, str]) -> list[str]:
        variables = [f"{name}={value}" for name, value in (_ENVIRONMENT | dict(environment)).items()]
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"]
        return ["nsenter", "--target", str(self._leader), *spaces, "--", "env", "-i", *variables]

    def path(self, path: str) -> Path:
        """Given a path in the machine without links, return where it is to be found from outside."""
        return Path(f"/proc/{self._leader}/root", path.lstrip("/"))

    def write(self, path: str, text: str, mode: str = "0644") -> None:
        """Write a file as root, with the directories above it."""
        self.run("install", "-D", "-m", mode, "/dev/stdin", path, given=text)

    def systemctl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run systemctl."""
        return self.run("systemctl", *arguments, check=check)

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Return properties of a unit."""
        shown = self.systemctl("show", unit, f"--property={','.join(properties)}").stdout
        return dict(line.split("=", 1) for line in shown.splitlines())

    def journal(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the entries of the journal that match, oldest first."""
        self.run("journalctl", "--sync")
        found = self.run("journalctl", "--output=json", "--all", *arguments).stdout
        return [json.loads(line) for line in found.splitlines()]

    def now(self) -> float:
        """Return a time that no entry of what has happened comes after; the journal counts from their arrival."""
        self.run("journalctl", "--sync")
        return time.time()

    def entry(self, *matches: str, since: float, within: float = _COMMAND_TIMEOUT) -> dict[str, Any]:
        """Wait for the first entry since a time that matches, and return it. Raises AssertionError."""
        # A cursor would not do: with matches the first one behind it is left out.
        arguments = ["--output=json", "--all", "--follow", "--lines=all", f"--since=@{since:.6f}", *matches]
        reader = ["timeout", str(within), "sh", "-c", _FIRST_ENTRY, "-", *arguments]
        line = self.run(*reader, check=False, within=within + _COMMAND_TIMEOUT).stdout
        assert line, f"no entry {' '.join(matches)} within {within} s:\n{self._story(since)}"
        found: dict[str, Any] = json.loads(line)
        return found

    def _story(self, since: float) -> str:
        return self.run("journalctl", "--output=short-precise", f"--since=@{since:.6f}").stdout

    def awaited(self, path: str, within: float = _COMMAND_TIMEOUT) -> str:
        """Wait until a file is there, and return its text. Raises AssertionError."""
        waiting = 'until [ -e "$1" ]; do sleep 0.02; done; cat "$1"'
        done = self.run(
            "timeout", str(within), "sh", "-c", waiting, "-", path, check=False, within=within + 5
        )
        assert done.returncode == 0, f"{path} was not there within {within} s"
        return done.stdout


@contextmanager
def box(binds: Sequence[str] = ()) -> Iterator[Box]:
    """Boot a machine, with directories of this one that it may read as ``HERE:THERE``, and yield it."""
    groups = _control_groups()
    assert groups is not None
    _sweep(groups)
    with (
        tempfile.TemporaryDirectory(prefix=_NAME) as directory,
        _control_group(groups / Path(directory).name) as group,
        _started(Path(directory), group, [f"--bind-ro={bind}" for bind in binds]) as leader,
    ):
        yield Box(leader)


def _sweep(groups: Path) -> None:
    """Remove what is left of tests that were killed; a group with a process in it stays."""
    for group in groups.glob(f"{_NAME}*"):
        _remove(group)


def _remove(group: Path) -> None:
    for directory in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):
            directory.rmdir()
    with suppress(OSError):
        group.rmdir()


@contextmanager
def _control_group(group: Path) -> Iterator[Path]:
    group.mkdir()
    try:
        yield group
    finally:
        _remove(group)


@contextmanager
def _started(directory: Path, group: Path, arguments: Sequence[str]) -> Iterator[int]:
    """Start the container and yield its first process, as this machine counts; it ends with the tests at the latest."""
    console = directory / "console"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, console.open("wb") as output:
        listener.bind(str(directory / "notify"))
        machine = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "TERM", "unshare", "--mount", "--propagation", "private"),
                *("bash", "-c", _SETUP, "setup", _made(directory / "layer"), *_NETWORK_FILTERS, *arguments),
            ],
            env=_environment(directory, group),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the tests, which then stop the machine themselves
        )
        try:
            yield _leader(machine, listener, console)
        finally:
            _stop(machine, group)


def _made(directory: Path) -> str:
    directory.mkdir()
    return str(directory)


def _environment(directory: Path, group: Path) -> dict[str, str]:
    files = directory / "files"
    for path, text in (_FILES | {"etc/machine-id": f"{os.urandom(16).hex()}\n"}).items():
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).write_text(text)
    return {
        "PATH": _PATH,
        "CONTROL_GROUP": str(group),
        "FILES": str(files),
        "MACHINE": f"onec-images-{os.urandom(4).hex()}",
        "MASKED": " ".join(_MASKED),
        "NOTIFY_SOCKET": str(directory / "notify"),
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
    }


def _leader(machine: subprocess.Popen[bytes], listener: socket.socket, console: Path) -> int:
    """Wait until the container says that it has booted, and return its first process."""
    leader, deadline = 0, time.monotonic() + _BOOT_TIMEOUT
    listener.settimeout(0.2)
    while machine.poll() is None and time.monotonic() < deadline:
        with suppress(TimeoutError):
            for line in listener.recv(4096).decode().splitlines():
                name, _, value = line.partition("=")
                if name == "X_NSPAWN_LEADER_PID":
                    leader = int(value)
                elif line == "READY=1":
                    return leader
    raise RuntimeError(f"the machine did not boot:\n{console.read_text(errors='replace')}")


def _stop(machine: subprocess.Popen[bytes], group: Path) -> None:
    machine.send_signal(signal.SIGTERM)  # nspawn passes it on as the signal that powers the machine off
    try:
        machine.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        (group / "cgroup.kill").write_text("1")
        machine.wait(_STOP_TIMEOUT)
