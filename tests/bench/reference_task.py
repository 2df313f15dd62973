"""The plain algorithm of the old Celery task; a program apart, to be timed as a whole.

    python reference_task.py DATABASE_URL PICTURES MEDIA

For each product: three globs, a copy of what is not there, an UPDATE and a COMMIT; progress every 50 products.
It has no Celery, no Django and no logging, which makes it faster than what it stands for.
"""

import json
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_EXTENSIONS = (".jpg", ".jpeg", ".png")
_PROGRESS_EVERY = 50  # products

_LIST = "SELECT id, onec_id, main_image, gallery_images FROM products WHERE is_active"
_BEGIN = "INSERT INTO import_sessions (import_type, status) VALUES ('images', 'in_progress') RETURNING id"
_SAVE = "UPDATE products SET main_image = ?, gallery_images = ? WHERE id = ?"
_PROGRESS = "UPDATE import_sessions SET report_details = ? WHERE id = ?"


class Task:
    """One run of the task."""

    def __init__(self, url: str, pictures: Path, media: Path) -> None:
        self._pictures = pictures
        self._media = media
        self._connection, self._mark = _connected(url)
        self._figures = dict.fromkeys(("total_products", "processed", "copied", "skipped", "errors"), 0)

    def run(self) -> None:
        """Import the pictures of every active product."""
        [(session,)] = self._execute(_BEGIN)
        products = self._execute(_LIST)
        self._figures["total_products"] = len(products)
        for number, product in enumerate(products, 1):
            self._import(*product)
            self._figures["processed"] = number
            if number % _PROGRESS_EVERY == 0:
                self._tell(session)
        self._tell(session)
        self._connection.close()

    def _import(self, row_id: int, onec_id: str, main: str | None, gallery: Any) -> None:
        found = self._found(onec_id)
        if not found:
            self._figures["skipped"] += 1
            return
        gallery = json.loads(gallery) if isinstance(gallery, str) else list(gallery)
        for path in found:
            stored = self._stored(path)
            if not main:
                main = stored
            elif stored != main and stored not in gallery:
                gallery.append(stored)
        self._execute(_SAVE, main, json.dumps(gallery), row_id)

    def _found(self, onec_id: str) -> list[Path]:
        shard = self._pictures / onec_id[:2]
        if not shard.exists():
            return []
        return [path for extension in _EXTENSIONS for path in shard.glob(f"{onec_id}*{extension}")]

    def _stored(self, path: Path) -> str:
        """Bring a picture over unless it is there, and return its path for the row."""
        relative = f"products/{path.parent.name}/{path.name}"
        target = self._media / relative
        if target.exists():
            self._figures["skipped"] += 1
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            self._figures["copied"] += 1
        return relative

    def _tell(self, session: int) -> None:
        details = self._figures | {"last_updated": datetime.now(UTC).isoformat()}
        self._execute(_PROGRESS, json.dumps(details), session)

    def _execute(self, statement: str, *values: object) -> list[Any]:
        cursor = self._connection.execute(statement.replace("?", self._mark), values)
        rows: list[Any] = cursor.fetchall() if cursor.description else []
        self._connection.commit()
        return rows


def _connected(url: str) -> tuple[Any, str]:
    """Return a connection, and what stands for a value."""
    if url.startswith("sqlite"):
        return sqlite3.connect(url.removeprefix("sqlite:///")), "?"
    import psycopg  # noqa: PLC0415 - not to be paid for with SQLite

    return psycopg.connect(url.replace("postgresql+psycopg", "postgresql")), "%s"


if __name__ == "__main__":
    Task(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])).run()
