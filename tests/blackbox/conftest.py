"""Workshops to run the command in."""

import pytest

pytest.register_assert_rewrite("support.oracle")

from support.shops import (  # noqa: E402  once asserts are rewritten
    bare,
    lite,
    make_tables,
    prepared_file,
    prepared_server,
    served,
    starter,
    workshop,
)

__all__ = ["bare", "lite", "make_tables", "prepared_file", "prepared_server", "served", "starter", "workshop"]
