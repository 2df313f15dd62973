"""The trigger file of a shop, as the exchange and whoever waits for the answer see it."""

import json
import os
from pathlib import Path
from typing import Any

from support.daemon_process import eventually
from support.workshop import Workshop

Content = str | bytes | dict[str, Any]


class Triggers:
    """The place where triggers are dropped."""

    def __init__(self, workshop: Workshop, directory: Path | None = None) -> None:
        self.path = (directory or workshop.exchange) / "import_images.trigger"
        self.running = self.path.with_name(f"{self.path.name}.running")
        self.result = self.path.with_name(f"{self.path.name}.result")

    def drop(self, content: Content = "") -> None:
        """Write the file, as `echo … >` does."""
        self.path.write_bytes(bytes_of(content))

    def answer(self, after: int | None = None, within: float = 30.0) -> dict[str, Any]:
        """Wait for a result, another one than that of a number, and return it."""
        eventually(lambda: self.number() not in {None, after} and not os.path.lexists(self.running), within)
        found: dict[str, Any] = json.loads(self.result.read_bytes())
        return found

    def asked(self, content: Content = "", within: float = 30.0) -> dict[str, Any]:
        """Drop a trigger, and return its result."""
        former = self.number()
        self.drop(content)
        return self.answer(former, within)

    def number(self) -> int | None:
        """Return what tells a result from the others, None where there is none."""
        try:
            return self.result.stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def wait_until_claimed(self) -> None:
        """Wait until what was dropped is no longer there."""
        eventually(lambda: not os.path.lexists(self.path))


def bytes_of(content: Content) -> bytes:
    """Return what stands in a file."""
    if isinstance(content, dict):
        content = json.dumps(content, ensure_ascii=False)
    return content.encode() if isinstance(content, str) else content
