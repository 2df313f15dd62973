"""What the unit forbids is forbidden: a probe runs in the service's place."""

import json
from typing import Any

import pytest
from support.installed_shop import PYTHON, InstalledShop

#: Tries each thing, and tells the name of the error that it met, nothing where it met none.
_PROBE = r"""
import ctypes, errno, json, mmap, os, socket, subprocess, sys

media, exchange = sys.argv[1:]


def write(path):
    with open(path + "/probe", "w") as file:
        os.fsync(file.fileno())
    os.rename(path + "/probe", path + "/probed")
    os.remove(path + "/probed")


def connect(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", (address, 9))


def libc(name, *arguments):
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def setuid_bit():
    open(media + "/tool", "w").close()
    try:
        os.chmod(media + "/tool", 0o4755)
    finally:
        os.remove(media + "/tool")


attempts = {
    "write media": lambda: write(media),
    "write state": lambda: write(os.environ["STATE_DIRECTORY"]),
    "write runtime": lambda: write(os.environ["RUNTIME_DIRECTORY"]),
    "write spool": lambda: write("/var/spool/onec-images"),
    "write exchange": lambda: write(exchange),
    "write etc": lambda: write("/etc"),
    "write program": lambda: write("/opt/onec-images"),
    "read exchange": lambda: os.listdir(exchange),
    "read home": lambda: os.listdir("/home"),
    "read host's tmp": lambda: os.stat("/tmp/of-the-host"),
    "send to this host": lambda: connect("127.0.0.1"),
    "send to another host": lambda: connect("192.0.2.5"),
    "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "writable code": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
    "user namespace": lambda: libc("unshare", 0x10000000),
    "setuid bit": setuid_bit,
    "chown": lambda: os.chown(media, os.getuid(), os.getgid()),
    "nice": lambda: os.nice(-1),
    "run a program": lambda: subprocess.run(["/bin/true"], check=True),
}


def met(attempt):
    try:
        attempt()
    except (OSError, PermissionError) as error:
        return errno.errorcode.get(error.errno, "?")
    return ""


status = dict(line.rstrip().split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
found = {name: met(attempt) for name, attempt in attempts.items()}
found |= {name: status[name].strip() for name in ("CapEff", "NoNewPrivs", "Seccomp")}
print("PROBE " + json.dumps(found), flush=True)
"""

_ALLOWED = (
    "write media",
    "write state",
    "write runtime",
    "write spool",
    "read exchange",
    "send to this host",
    "run a program",
)

_FORBIDDEN = {
    "write exchange": "EROFS",
    "write etc": "EROFS",
    "write program": "EROFS",
    "read home": "EACCES",
    "read host's tmp": "ENOENT",
    "send to another host": "EPERM",
    "packet socket": "EAFNOSUPPORT",
    "netlink socket": "EAFNOSUPPORT",
    "writable code": "EPERM",
    "user namespace": "EPERM",
    "setuid bit": "EPERM",
    "chown": "EPERM",
    "nice": "EPERM",
    "CapEff": "0000000000000000",
    "NoNewPrivs": "1",
    "Seccomp": "2",
}


@pytest.fixture
def probed(shop: InstalledShop) -> dict[str, Any]:
    """What a probe in the service's place met."""
    shop.box.run("touch", "/tmp/of-the-host")  # noqa: S108 - the box's, and its own
    shop.box.write("/usr/local/lib/probe.py", _PROBE)
    program = f"{PYTHON} /usr/local/lib/probe.py {shop.media}/products {shop.exchange}"
    shop.drop_in("probe", "Type=oneshot", "Restart=no", "ExecStart=", f"ExecStart={program}")
    begun = shop.box.now()
    shop.start()
    entries = shop.box.journal(f"_SYSTEMD_UNIT={shop.unit}", f"--since=@{begun:.6f}")
    [told] = [str(entry["MESSAGE"]) for entry in entries if str(entry["MESSAGE"]).startswith("PROBE ")]
    found: dict[str, Any] = json.loads(told.removeprefix("PROBE "))
    return found


def test_the_sandbox_allows_what_the_service_does_and_nothing_else(probed: dict[str, Any]) -> None:
    assert probed == dict.fromkeys(_ALLOWED, "") | _FORBIDDEN
