"""A shop in a box in which onec-images is installed, and the unit that serves it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from support import readme
from support.systemd_box import Box

PROJECT = Path(__file__).parents[2]
SOURCES = "/usr/src/onec-images"
PROGRAM = "/opt/onec-images/bin/onec-images"
PYTHON = "/opt/onec-images/bin/python"
USER = "onec-images"

_INSTALLATION_TIMEOUT = 300.0  # seconds; ten are usual, with an index of packages at hand

#: A box has no sudo, and root needs none.
_SUDO = """\
#!/bin/sh
if [ "$1" = -u ]; then user=$2; shift 2; exec runuser -u "$user" -- "$@"; fi
exec "$@"
"""

#: Waits that would only be waited for, and room that a layer in memory may not have.
_QUICK = {
    "ONEC_IMAGES_WATCH__SETTLE": "0.2",
    "ONEC_IMAGES_WATCH__RETRY_UNMATCHED": "1",
    "ONEC_IMAGES_MEDIA__MIN_FREE": "0",
}

_STATEMENT = """\
import json, sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=30) as connection:
    print(json.dumps(connection.execute(sys.argv[2]).fetchall()))
"""


def type_in(
    box: Box, commands: str, *, given: str | None = None, check: bool = True
) -> CompletedProcess[str]:
    """Run commands as an operator types them in a clone of the repository."""
    index = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    shell = ("bash", "-euo", "pipefail", "-c", f"cd {SOURCES}\n{commands}")
    return box.run(*shell, given=given, check=check, within=_INSTALLATION_TIMEOUT, environment=index)


def install(box: Box) -> None:
    """Install what is in this repository as README.md says."""
    box.write("/usr/local/bin/sudo", _SUDO, mode="0755")
    type_in(box, readme.shell_below("## Install")[0])


class InstalledShop:
    """A shop with an exchange directory and media, empty, and the unit that is to serve it, not started."""

    def __init__(self, box: Box, unit: str = "onec-images.service", name: str = "shop") -> None:
        self.box = box
        self.unit = unit
        self.exchange = f"/srv/{name}/data/import_1c"
        self.root = f"{self.exchange}/goods/import_files"
        self.media = f"/srv/{name}/media"
        self.name = name
        self.instance = unit.partition("@")[2].removesuffix(".service")
        self.database = "/".join(filter(None, ["/var/lib/onec-images", self.instance, "onec-images.db"]))
        self.configuration = f"/etc/onec-images/{self.instance or 'config'}.toml"

    def prepare(self) -> None:
        """Make the directories, and the configuration that is shipped."""
        self.box.run("install", "-d", "-o", "www-data", self.root)
        self.box.run("install", "-d", "-o", USER, f"{self.media}/products")
        text = (PROJECT / "systemd" / "config.toml").read_text().replace("/srv/shop/", f"/srv/{self.name}/")
        if self.instance:
            text = text.replace("/var/lib/onec-images/", f"/var/lib/onec-images/{self.instance}/")
            text = text.replace("import_images.trigger", f"{self.instance}.trigger")
        self.box.write(self.configuration, text)
        self.drop_in("tests", *(f"Environment={name}={value}" for name, value in _QUICK.items()))
        self.drop_in("shop", f"ReadWritePaths={self.media}")

    def drop_in(self, name: str, *lines: str) -> None:
        """Give the unit a drop-in with settings of its service."""
        text = "\n".join(["[Service]", *lines, ""])
        self.box.write(f"/etc/systemd/system/{self.unit}.d/{name}.conf", text)
        self.box.systemctl("daemon-reload")

    def configure(self, old: str, new: str) -> None:
        """Put a text in the place of another in the configuration."""
        file = self.box.path(self.configuration)
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def remove(self) -> None:
        """Stop the unit and leave nothing of the shop behind."""
        self.box.systemctl("stop", self.unit)
        self.box.systemctl("reset-failed", self.unit, check=False)
        drop_ins = f"/etc/systemd/system/{self.unit}.d"
        self.box.run("rm", "-rf", f"/srv/{self.name}", drop_ins, self.configuration)
        self.box.run("find", "/var/lib/onec-images", "/var/spool/onec-images", "-type", "f", "-delete")
        self.box.systemctl("daemon-reload")

    def start(self) -> None:
        """Start the unit, and wait until it is ready."""
        self.box.systemctl("start", self.unit)

    def show(self, *properties: str) -> dict[str, str]:
        """Return properties of the unit."""
        return self.box.show(self.unit, *properties)

    def state(self, name: str) -> str:
        """Return one property of the unit."""
        return self.show(name)[name]

    def command(
        self,
        *arguments: str,
        user: str = USER,
        check: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> CompletedProcess[str]:
        """Run a command of onec-images on the shop, as an operator does."""
        quick = _QUICK | {"ONEC_IMAGES_CONFIG": self.configuration} | dict(environment or {})
        return self.box.run(PROGRAM, *arguments, user=user, check=check, environment=quick)

    def sql(self, statement: str) -> list[list[Any]]:
        """Run a statement on the database file, and return its rows."""
        done = self.box.run(PYTHON, "-c", _STATEMENT, self.database, statement, user=USER)
        rows: list[list[Any]] = json.loads(done.stdout)
        return rows

    def sell(self, *onec_ids: str) -> None:
        """Add products to the shop's database."""
        self.box.run("install", "-d", "-o", USER, os.path.dirname(self.database))
        self.command("init-db")
        rows = ", ".join(f"('{onec_id}')" for onec_id in onec_ids)
        self.sql(f"INSERT INTO products (onec_id) VALUES {rows}")  # noqa: S608 - the tests' own names

    def deliver(self, name: str, content: str = "picture", root: str = "") -> None:
        """Put a picture into the exchange as its receiver does: the web server's user, who renames it into place."""
        target = f"{root or self.root}/{name}"
        coming = 'mkdir -p "$(dirname "$1")" && cat >"$1.part" && mv "$1.part" "$1"'
        self.box.run("sh", "-c", coming, "-", target, user="www-data", given=content)

    def main_images(self) -> dict[str, str]:
        """Return the main pictures of the products that have one."""
        rows = self.sql("SELECT onec_id, main_image FROM products WHERE main_image <> ''")
        return {str(onec_id): str(image) for onec_id, image in rows}
