"""What README.md tells an operator to type."""

import re
import tomllib
from pathlib import Path
from typing import Any

_README = Path(__file__).parents[2] / "README.md"


def shell_below(heading: str) -> list[str]:
    """Given a heading, return the blocks of shell commands between it and the next heading."""
    return _blocks_below(heading, "sh")


def toml_below(heading: str) -> list[dict[str, Any]]:
    """Given a heading, return the configurations between it and the next heading."""
    return [tomllib.loads(block) for block in _blocks_below(heading, "toml")]


def _blocks_below(heading: str, language: str) -> list[str]:
    text = _README.read_text()
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"README.md has no heading {heading}"
    section = re.split(r"^#{2,3} ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
