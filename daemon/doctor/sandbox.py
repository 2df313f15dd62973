"""What the sandbox of a unit forbids, and the lines of a drop-in that allow it. Pure: nothing is looked at."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Final

from daemon.doctor.finding import Finding, error

Properties = Mapping[str, str]
Address = IPv4Address | IPv6Address

_HOMES: Final = ("/home", "/root", "/run/user")

_READ_ONLY_SYSTEM: Final = {
    "strict": ("/",),
    "full": ("/usr", "/boot", "/efi", "/etc"),
    "yes": ("/usr", "/boot", "/efi"),
}

#: Setting -> below which directory the ones that it names lie.
_OWN_DIRECTORIES: Final = {
    "StateDirectory": "/var/lib",
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
    "RuntimeDirectory": "/run",
}

#: What a sandbox is made from.
PROPERTIES: Final = (
    "User",
    "Group",
    "SupplementaryGroups",
    "ProtectSystem",
    "ProtectHome",
    "PrivateTmp",
    "ReadWritePaths",
    "ReadOnlyPaths",
    "InaccessiblePaths",
    "TemporaryFileSystem",
    "BindPaths",
    "BindReadOnlyPaths",
    *_OWN_DIRECTORIES,
    "IPAddressAllow",
    "IPAddressDeny",
)


class View(IntEnum):
    """What a unit sees of a place."""

    HIDDEN = 0
    READ_ONLY = 1
    WRITABLE = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A directory or a file that the service needs.

    view: what it must see of it at least.
    """

    subject: str
    path: Path
    view: View


@dataclass(frozen=True, slots=True)
class Host:
    """A host of the database, and where it is; no address where its name is unknown."""

    name: str
    addresses: tuple[Address, ...]

    @property
    def is_asked_for(self) -> bool:
        """Whether a name server has to tell where it is; this host itself is known without one."""
        with suppress(ValueError):
            ip_address(self.name)
            return False
        return any(not address.is_loopback for address in self.addresses)


class Sandbox:
    """What a unit is allowed, from its properties as systemctl shows them."""

    def __init__(self, properties: Properties) -> None:
        """Given the properties; one that this systemd does not know may be missing."""
        self._properties = properties
        self.unit = properties.get("Id", "")
        self.user = properties.get("User") or "root"
        #: What a finding about it is about.
        self.subject = f"unit {self.unit}"

    def words(self, name: str) -> list[str]:
        """Given a property that is a list, return its words."""
        text = self._properties.get(name, "")
        try:
            return shlex.split(text)
        except ValueError:  # a quotation mark that is meant as one
            return text.split()

    def view(self, path: Path) -> View:
        """Given a path, return what the unit sees of it: the closest of the directories above it decides."""
        if self.cover(path):
            return View.HIDDEN
        _, view = max(
            (len(Path(above).parts), view) for above, view in self._views() if path.is_relative_to(above)
        )
        return view

    def cover(self, path: Path) -> str:
        """Given a path, return the setting that hides it, empty if none does."""
        for above, setting in self._covers():
            if path.is_relative_to(above) and not self._is_bound(path, above, setting):
                return setting
        return ""

    def _is_bound(self, path: Path, above: str, setting: str) -> bool:
        """Return whether a path is brought back by a mount below what hides it, where that is possible."""
        if setting in {"ProtectHome=yes", "InaccessiblePaths"}:
            return False
        bound = [target for target, _ in self._binds()]
        return any(path.is_relative_to(each) and Path(each).is_relative_to(above) for each in bound)

    def _covers(self) -> Iterator[tuple[str, str]]:
        home = self._properties.get("ProtectHome", "no")
        if home in {"yes", "tmpfs"}:
            yield from ((above, f"ProtectHome={home}") for above in _HOMES)
        if self._properties.get("PrivateTmp", "no") not in {"", "no"}:
            yield from ((above, "PrivateTmp=yes") for above in ("/tmp", "/var/tmp"))  # noqa: S108 - named, not used
        for setting in ("InaccessiblePaths", "TemporaryFileSystem"):
            yield from ((_plain(word).partition(":")[0], setting) for word in self.words(setting))

    def _views(self) -> Iterator[tuple[str, View]]:
        system = _READ_ONLY_SYSTEM.get(self._properties.get("ProtectSystem", "no"), ())
        yield "/", View.READ_ONLY if "/" in system else View.WRITABLE
        yield from ((above, View.READ_ONLY) for above in system)
        if self._properties.get("ProtectHome") == "read-only":
            yield from ((above, View.READ_ONLY) for above in _HOMES)
        yield from ((_plain(word), View.READ_ONLY) for word in self.words("ReadOnlyPaths"))
        yield from ((_plain(word), View.WRITABLE) for word in self.words("ReadWritePaths"))
        for setting, above in _OWN_DIRECTORIES.items():
            yield from ((f"{above}/{word.partition(':')[0]}", View.WRITABLE) for word in self.words(setting))
        yield from self._binds()

    def _binds(self) -> Iterator[tuple[str, View]]:
        for setting, view in (("BindPaths", View.WRITABLE), ("BindReadOnlyPaths", View.READ_ONLY)):
            for word in self.words(setting):
                source, _, target = _plain(word).partition(":")
                yield target.partition(":")[0] or source, view

    def may_reach(self, address: Address) -> bool:
        """Given an address, return whether the unit may exchange packets with it."""
        return self._has("IPAddressAllow", address) or not self._has("IPAddressDeny", address)

    def _has(self, name: str, address: Address) -> bool:
        return any(address in ip_network(word, strict=False) for word in self.words(name))


def _plain(word: str) -> str:
    """Return a path without the signs that may stand before it."""
    return word.lstrip("-+")


def forbidden_places(sandbox: Sandbox, needed: Iterable[Place]) -> Iterator[Finding]:
    """Given a sandbox and places, yield an error for each that the unit cannot use, with the lines that open it."""
    for place in needed:
        view = sandbox.view(place.path)
        if view < place.view:
            setting = sandbox.cover(place.path) or "its sandbox"
            what = f"{setting} hides" if view is View.HIDDEN else "its sandbox lets it only read"
            lines = _opening(sandbox, place)
            yield error(sandbox.subject, f"{what} {place.path}, {place.subject}", _drop_in(sandbox, lines))


def _opening(sandbox: Sandbox, place: Place) -> list[str]:
    """Return the settings that let the unit see a place as it must."""
    writing = [f"ReadWritePaths={_quoted(place.path)}"] if place.view is View.WRITABLE else []
    cover = sandbox.cover(place.path)
    if cover == "TemporaryFileSystem":
        return [f"{'BindPaths' if writing else 'BindReadOnlyPaths'}={_quoted(place.path)}"]
    revealing = {
        "": [],
        "PrivateTmp=yes": ["PrivateTmp=no"],
        "InaccessiblePaths": ["InaccessiblePaths="],
    }.get(cover, ["ProtectHome=read-only"])
    return revealing + writing


def _quoted(path: Path) -> str:
    """Return a path as a unit takes it."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return text if text == str(path) and not re.search(r"[\s']", text) else f'"{text}"'


def forbidden_hosts(
    sandbox: Sandbox, hosts: Iterable[Host], name_servers: Iterable[Address]
) -> Iterator[Finding]:
    """Given a sandbox, the hosts of the database and whom names are asked of, yield an error for each out of reach."""
    for host in hosts:
        needed = [*host.addresses, *(name_servers if host.is_asked_for else ())]
        closed = [str(address) for address in needed if not sandbox.may_reach(address)]
        if closed:
            message = f"its sandbox keeps the service from {host.name}, the host of the database"
            yield error(sandbox.subject, message, _drop_in(sandbox, [f"IPAddressAllow={' '.join(closed)}"]))


def _drop_in(sandbox: Sandbox, lines: list[str]) -> str:
    edit, restart = f"systemctl edit {sandbox.unit}", f"systemctl restart {sandbox.unit}"
    return f"{edit}, below [Service]: {' and '.join(lines)}; then {restart}"
