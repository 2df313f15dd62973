"""Roles of PostgreSQL that may do only what they are granted."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import make_url
from support import sql

_numbers = itertools.count()


@contextmanager
def role(url: str, *grants: str) -> Iterator[str]:
    """Given a superuser's URL and rights, such as ``SELECT ON products``, yield the URL of a role that has them."""
    name = f"onec_images_test_{os.getpid()}_{next(_numbers)}"
    sql.script(url, f"CREATE ROLE {name} LOGIN PASSWORD 'pässword'")
    try:
        sql.script(url, *(f"GRANT {grant} TO {name}" for grant in grants))
        yield make_url(url).set(username=name, password="pässword").render_as_string(hide_password=False)  # noqa: S106
    finally:
        sql.script(url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")
