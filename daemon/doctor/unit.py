"""Whether the unit that is installed for this configuration lets the service do what it must."""

import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from daemon.config import FILE_VARIABLE, SYSTEM_FILE, Settings
from daemon.db import inspection
from daemon.doctor.configuration import program
from daemon.doctor.directories import is_missing, listing, quoted, user
from daemon.doctor.finding import Finding, error, ok, warning
from daemon.doctor.sandbox import (
    PROPERTIES,
    Address,
    Host,
    Place,
    Properties,
    Sandbox,
    View,
    forbidden_hosts,
    forbidden_places,
)

#: Given units, tells the properties of each. Raises OSError if the manager does not.
Ask = Callable[[list[str]], list[Properties]]

_MANAGER: Final = Path("/run/systemd/system")  # there where systemd is the manager
_PATIENCE: Final = 5.0  # seconds
_INSTANCE: Final = re.compile(r"[\w:.-]+", re.ASCII)
_OPTION: Final = re.compile(r"--config[ =](\S+)")
_RESOLVER: Final = Path("/etc/resolv.conf")


def examine(settings: Settings, file: Path, ask: Ask | None = None) -> Iterator[Finding]:
    """Given the settings and their file, yield what the installed unit forbids; nothing if there is none.

    ask: who tells about units; systemd where it is the manager, else nobody.
    """
    if ask is None:
        if not (_MANAGER.is_dir() and shutil.which("systemctl")):
            return
        ask = asked
    try:
        yield from _installed(settings, file, ask)
    except OSError as failure:
        remedy = f"sudo {program()} --config {quoted(file)} check"
        yield warning("installed unit", f"systemd does not tell about it: {failure}", remedy)


def asked(units: list[str]) -> list[Properties]:
    """Given units, return the properties of each. Raises OSError."""
    names = ",".join(("Id", "LoadState", "ExecStart", "Environment", *PROPERTIES))
    command = ["systemctl", "show", f"--property={names}", "--", *units]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired as late:
        raise TimeoutError(f"systemctl has not answered for {_PATIENCE:g} s") from late
    if done.returncode:
        raise OSError(done.stderr.strip() or "systemctl fails")
    return [parsed(block) for block in done.stdout.strip().split("\n\n")]


def parsed(block: str) -> Properties:
    """Given what systemctl shows of a unit, return its properties; those of one name are one list."""
    properties: dict[str, str] = {}
    for line in block.splitlines():
        name, _, value = line.partition("=")
        properties[name] = f"{properties[name]} {value}" if name in properties else value
    return properties


def _installed(settings: Settings, file: Path, ask: Ask) -> Iterator[Finding]:
    for properties in ask(candidates(file)):
        if properties.get("LoadState") == "loaded" and configuration_of(properties) == _real(file):
            yield from _whole(Sandbox(properties), settings, file)
            return


def candidates(file: Path) -> list[str]:
    """Given the configuration, return the units that may be about it; the first one that is counts."""
    instance = [f"onec-images@{file.stem}.service"] if _INSTANCE.fullmatch(file.stem) else []
    return ["onec-images.service", *instance]


def configuration_of(properties: Properties) -> Path:
    """Given the properties of a unit, return the configuration that it reads."""
    if option := _OPTION.search(properties.get("ExecStart", "")):
        return _real(Path(option[1]))
    variables = (word.partition("=") for word in Sandbox(properties).words("Environment"))
    named = [value for name, _, value in variables if name == FILE_VARIABLE]
    return _real(Path(named[-1] if named else SYSTEM_FILE))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _whole(sandbox: Sandbox, settings: Settings, file: Path) -> Iterator[Finding]:
    needed = list(places(settings, file))
    found = [
        *forbidden_places(sandbox, needed),
        *forbidden_hosts(sandbox, _hosts(settings), _name_servers()),
        *unmade(sandbox),
        *_rights(sandbox, needed, file),
    ]
    yield from found or [ok(sandbox.subject, f"lets {sandbox.user} do what the service does")]


def places(settings: Settings, file: Path) -> Iterator[Place]:
    """Given the settings and their file, yield every place that the service needs, wherever links lead."""
    exchange = settings.exchange
    yield Place("the configuration", _real(file), View.READ_ONLY)
    yield Place("the exchange directory", _real(exchange.dir), View.READ_ONLY)
    for root in filter(os.path.isabs, exchange.image_roots):
        yield Place("an image root", _real(Path(root)), View.READ_ONLY)
    media = _real(settings.media.dir)
    prefix = _real(media / settings.media.prefix)
    yield Place("the media directory", media if is_missing(prefix) else prefix, View.WRITABLE)
    yield Place("the directory of the trigger file", _real(settings.trigger.file.parent), View.WRITABLE)
    for name, command in settings.hooks:
        if command and os.path.isabs(command[0]):
            yield Place(f"the command of [hooks] {name}", _real(Path(command[0])), View.READ_ONLY)
    if database_file := inspection.file_of(settings.database.url):
        yield Place("the directory of the database", _real(database_file).parent, View.WRITABLE)


def unmade(sandbox: Sandbox) -> Iterator[Finding]:
    """Given a sandbox, yield an error for each directory that is to be opened and does not exist: no start succeeds."""
    for word in sandbox.words("ReadWritePaths"):
        if not word.startswith("-") and is_missing(path := Path(word.lstrip("+"))):
            message = f"it cannot start: ReadWritePaths= names {path}, which does not exist"
            yield error(sandbox.subject, message, f"install -d -o {sandbox.user} {quoted(path)}")


def _hosts(settings: Settings) -> list[Host]:
    return [Host(name, _addresses(name)) for name in inspection.hosts_of(settings.database.url)]


def _addresses(name: str) -> tuple[Address, ...]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # whether the database can be reached is another finding
        return ()
    return tuple(dict.fromkeys(ip_address(str(target[0]).partition("%")[0]) for *_, target in found))


def _name_servers(file: Path = _RESOLVER) -> tuple[Address, ...]:
    servers = []
    with suppress(OSError):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, IndexError):
                if line.startswith("nameserver"):
                    servers.append(ip_address(line.split()[1].partition("%")[0]))
    return tuple(servers)


def _rights(sandbox: Sandbox, needed: Iterable[Place], file: Path) -> Iterator[Finding]:
    """Yield what the files' own rights keep from the unit's user; what its own user is kept from is told elsewhere."""
    if sandbox.user in {user(), "root"}:
        return
    if os.geteuid() != 0:
        message = f"it runs as {sandbox.user}: what {user()} may do says nothing of that"
        yield warning(
            sandbox.subject, message, f"sudo -u {sandbox.user} {program()} --config {quoted(file)} check"
        )
        return
    yield from _refused(sandbox, needed)


def _refused(sandbox: Sandbox, needed: Iterable[Place]) -> Iterator[Finding]:
    try:
        account = pwd.getpwnam(sandbox.user)
    except KeyError:
        message = f"there is no user {sandbox.user}, whom it runs as"
        yield error(sandbox.subject, message, "systemd-sysusers onec-images.conf")
        return
    for place in needed:
        if not is_missing(place.path) and not _may(sandbox, account, place):
            verb = "read" if place.view is View.READ_ONLY else "write to"
            message = f"{sandbox.user}, whom it runs as, may not {verb} {place.path}, {place.subject}"
            yield error(sandbox.subject, message, _granting(sandbox.user, place))


def _may(sandbox: Sandbox, account: pwd.struct_passwd, place: Place) -> bool:
    """Return whether the unit's user has the rights that a place needs, by having it try."""
    rights = [
        "-r",
        *(["-x"] if place.path.is_dir() else []),
        *(["-w"] if place.view is View.WRITABLE else []),
    ]
    words = [word for right in rights for word in ("-a", right, str(place.path))]
    group: str | int = next(iter(sandbox.words("Group")), account.pw_gid)
    groups: list[str | int] = [*os.getgrouplist(account.pw_name, account.pw_gid)]
    groups += sandbox.words("SupplementaryGroups")
    command = ["/usr/bin/test", *words[1:]]
    done = subprocess.run(command, user=account.pw_uid, group=group, extra_groups=groups, check=False)
    return done.returncode == 0


def _granting(name: str, place: Place) -> str:
    if place.view is View.WRITABLE:
        return listing(f"setfacl -m u:{name}:rwx {quoted(place.path)}")
    if place.path.is_dir():
        return listing(f"setfacl -R -m u:{name}:rX,d:u:{name}:rX {quoted(place.path)}")
    return listing(f"setfacl -m u:{name}:r {quoted(place.path)}")
