"""Asking onec-images for an import: a session of the shop's own, and the trigger file that names it."""

import json
import uuid
from collections.abc import Sequence
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from products.models import ImportSession

MOST_BYTES = 64 * 1024  # of a trigger file; where the products do not fit into it, all are imported


def ask_for_import(onec_ids: Sequence[str] = ()) -> ImportSession:
    """Ask for the pictures of these products, or of all, and return the session that shows how far it is."""
    session = ImportSession.objects.create(
        import_type="images", status="pending", celery_task_id=str(uuid.uuid4())
    )
    order = {"import_type": "images", "task_id": session.celery_task_id}
    content = json.dumps({**order, "onec_ids": list(onec_ids)}, ensure_ascii=False)
    if not onec_ids or len(content.encode()) > MOST_BYTES:
        content = json.dumps(order)
    # The daemon looks for the row as soon as the file is there.
    transaction.on_commit(partial(_drop, session, content))
    return session


def _drop(session: ImportSession, content: str) -> None:
    """Put the trigger file in place, unless one waits there already."""
    try:
        with open(settings.ONEC_IMAGES_TRIGGER, "x", encoding="utf-8") as trigger:
            trigger.write(content)
    except FileExistsError:
        _fail(session, "Другой запрос уже ждёт своей очереди")
    except OSError as error:
        _fail(session, f"Файл-триггер не записан: {error}")


def _fail(session: ImportSession, reason: str) -> None:
    session.status, session.error_message, session.finished_at = "failed", reason, timezone.now()
    session.save(update_fields=["status", "error_message", "finished_at", "updated_at"])
