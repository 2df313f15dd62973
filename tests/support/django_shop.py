"""A shop made with Django, to attach to; Django itself stays in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("django_process.py")


class Django:
    """Django at work, on whichever database it is asked about."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, url: str, action: str, *arguments: Any) -> Any:
        """Have something done in a database, and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"url": url, "action": action, "arguments": arguments}
        print(json.dumps(request, default=_encoded), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, "Django ended; what it said stands on standard error"
        return json.loads(answer, object_hook=_decoded)


@contextmanager
def django() -> Iterator[Django]:
    """Run Django for the shops of a whole run of the tests."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", _PROGRAM],
        stdin=subprocess.PIPE,  # closed at the end of this block, or by the kernel
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Django(process)
        assert process.stdin is not None
        process.stdin.close()


class DjangoShop:
    """A shop's database, seen with the eyes of its own application."""

    def __init__(self, made_with: Django, url: str) -> None:
        self.url = url
        self._django = made_with
        self._django.ask(url, "make")

    def add_product(self, onec_id: str | None, **values: Any) -> int:
        """Add a product as the shop does, and return its id."""
        usual = {"name": f"Товар {onec_id}", "slug": f"slug-{onec_id}", "price": "99.90", "description": "…"}
        row: int = self._django.ask(self.url, "add", "products", {**usual, "onec_id": onec_id, **values})
        return row

    def add_session(self, **values: Any) -> int:
        """Add a session of the shop's own, and return its id."""
        row: int = self._django.ask(self.url, "add", "import_sessions", values)
        return row

    def products(self, **lookups: Any) -> list[dict[str, Any]]:
        """Return the products that match, in the order of their ids."""
        found: list[dict[str, Any]] = self._django.ask(self.url, "rows", "products", lookups)
        return found

    def product(self, onec_id: str) -> dict[str, Any]:
        """Return the one product with an onec_id."""
        [found] = self.products(onec_id=onec_id)
        return found

    def sessions(self, **lookups: Any) -> list[dict[str, Any]]:
        """Return the sessions that match, in the order of their ids."""
        found: list[dict[str, Any]] = self._django.ask(self.url, "rows", "import_sessions", lookups)
        return found

    def change_product(self, row: int, **values: Any) -> None:
        """Change a product as the shop's staff do."""
        self._django.ask(self.url, "change", "products", row, values)


def _encoded(value: Any) -> Any:
    assert isinstance(value, datetime)
    return {"time": value.isoformat()}


def _decoded(value: dict[str, Any]) -> Any:
    """Return a time as Django gave it: without a zone, if it had none there."""
    if set(value) == {"time", "is_aware"}:
        time = datetime.fromisoformat(value["time"])
        assert (time.tzinfo is not None) == value["is_aware"]
        return time
    return value
