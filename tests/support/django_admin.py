"""A small Django project that holds the example of docs/examples, and who works in its admin."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url

_PROJECT = Path(__file__).parents[1] / "data" / "django_project"
_EXAMPLE = Path(__file__).parents[2] / "docs" / "examples"
_VISITOR = Path(__file__).with_name("django_visitor.py")


class Admin:
    """The admin of a shop, as a browser sees it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def get(self, path: str) -> str:
        """Return the text of a page."""
        return self._ask("get", path, {})

    def post(self, path: str, **form: object) -> str:
        """Send a form, and return the text of the page that it leads to."""
        return self._ask("post", path, form)

    def _ask(self, method: str, path: str, form: Mapping[str, object]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([method, path, form]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, "Django ended; what it said stands on standard error"
        status, text = json.loads(line)
        assert status == 200, text
        return str(text)


@contextmanager
def admin_of(place: Path, database_url: str, trigger: Path, **options: object) -> Iterator[Admin]:
    """Make the project in a directory, with its tables in a database, and let somebody work in its admin.

    The options are Django's for the database.
    """
    shutil.copytree(_PROJECT, place)
    shutil.copytree(_EXAMPLE, place, dirs_exist_ok=True)
    for package in ("shop", "products"):
        (place / package / "__init__.py").touch()
    environment = {
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "SHOP_DATABASE": json.dumps(_as_django_has_it(make_url(database_url)) | options),
        "SHOP_TRIGGER": str(trigger),
    }
    with subprocess.Popen(
        [sys.executable, "-W", "error", _VISITOR],
        cwd=place,
        env=os.environ | environment,
        stdin=subprocess.PIPE,  # closed at the end of this block, or by the kernel
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Admin(process)
        assert process.stdin is not None
        process.stdin.close()


def _as_django_has_it(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.database}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.database,
        "USER": url.username or "",
        "PASSWORD": url.password or "",
        "HOST": url.host or url.query.get("host", ""),
        "PORT": url.port or "",
    }
