"""A shop made with Django, in a process of its own; a program apart, which no test imports.

Each line of standard input is a request in JSON: the URL of a database, what to do in it, and with what. Each
line of standard output is the answer. It ends when standard input closes.
"""

import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[],
    TIME_ZONE="Europe/Moscow",
    USE_TZ=True,
)
django.setup()

from django.db import connection, connections, models  # noqa: E402  only now there are settings
from django.utils import timezone  # noqa: E402


class Product(models.Model):  # type: ignore[misc]  # Django has no types
    """A product, with the columns that its shop needs besides ours."""

    name = models.CharField(max_length=300)
    slug = models.SlugField(max_length=255, unique=True)
    description = models.TextField()
    price = models.DecimalField(max_digits=10, decimal_places=2)
    stock = models.PositiveIntegerField(default=0)
    specifications = models.JSONField(default=dict)
    onec_id = models.CharField(max_length=100, unique=True, null=True, db_index=True)  # noqa: DJ001 - as shops do
    parent_onec_id = models.CharField(max_length=100, null=True, db_index=True)  # noqa: DJ001
    main_image = models.ImageField(upload_to="products/")
    gallery_images = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:  # noqa: D106 - Django's own way to say it
        app_label = "products"
        db_table = "products"

    def __str__(self) -> str:
        """Return what the shop calls it."""
        return str(self.name)


class ImportSession(models.Model):  # type: ignore[misc]
    """The record of one exchange with 1C."""

    ACTIVE = ("pending", "started", "in_progress")

    import_type = models.CharField(max_length=20, default="catalog")
    status = models.CharField(max_length=20, default="pending")
    session_key = models.CharField(max_length=40, null=True, db_index=True)  # noqa: DJ001
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    finished_at = models.DateTimeField(null=True)
    report = models.TextField(blank=True, default="")
    report_details = models.JSONField(default=dict)
    error_message = models.TextField(blank=True, default="")
    celery_task_id = models.CharField(max_length=255, null=True, db_index=True)  # noqa: DJ001

    class Meta:  # noqa: D106 - Django's own way to say it
        app_label = "products"
        db_table = "import_sessions"
        indexes = (
            models.Index(fields=["import_type", "status"]),
            models.Index(fields=["-created_at"]),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["session_key"],
                condition=models.Q(status__in=["pending", "started", "in_progress"]),
                name="unique_active_session_key",
            ),
        )

    def __str__(self) -> str:
        """Return what the shop calls it."""
        return f"{self.import_type} {self.pk}"


MODELS: dict[str, Any] = {"products": Product, "import_sessions": ImportSession}


def use(url: str) -> None:
    """Given the URL of a database, have every model look there."""
    connection.close()
    connections.settings["default"].update(_settings_of(url))
    del connections["default"]


def _settings_of(url: str) -> dict[str, Any]:
    if url.startswith("sqlite:///"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": unquote(url.removeprefix("sqlite:///"))}
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or parse_qs(parts.query).get("host", [""])[0],
        "PORT": parts.port or "",
    }


def make() -> None:
    """Make the tables, as a migration does."""
    with connection.schema_editor() as editor:
        for model in MODELS.values():
            editor.create_model(model)


def add(table: str, values: dict[str, Any]) -> Any:
    """Insert a row and return its id."""
    return MODELS[table]._default_manager.create(**values).pk  # noqa: SLF001 - the public name is the model's own


def rows(table: str, lookups: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows that match, in the order of their ids."""
    return list(MODELS[table]._default_manager.filter(**lookups).order_by("pk").values())  # noqa: SLF001


def change(table: str, row: Any, values: dict[str, Any]) -> None:
    """Change a row and save it as a whole, as a form of the shop's staff does."""
    found = MODELS[table]._default_manager.get(pk=row)  # noqa: SLF001
    for name, value in values.items():
        setattr(found, name, value)
    found.save()


ACTIONS: dict[str, Callable[..., Any]] = {"make": make, "add": add, "rows": rows, "change": change}


def encoded(value: Any) -> Any:
    """Return a value that JSON does not know; a time with its zone, or the want of one."""
    if isinstance(value, datetime):
        return {"time": value.isoformat(), "is_aware": timezone.is_aware(value)}
    return str(value)


def decoded(value: dict[str, Any]) -> Any:
    """Return a time that JSON does not know, or a dictionary that it does."""
    return datetime.fromisoformat(value["time"]) if set(value) == {"time"} else value


def main() -> None:
    """Answer requests."""
    print("ready", flush=True)  # noqa: T201 - to who asks
    for line in sys.stdin:
        request = json.loads(line, object_hook=decoded)
        use(request["url"])
        answer = ACTIONS[request["action"]](*request["arguments"])
        connection.close()
        print(json.dumps(answer, default=encoded), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
