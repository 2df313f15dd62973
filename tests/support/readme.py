"""What README.md tells an operator to type."""

import re
from pathlib import Path

_README = Path(__file__).parents[2] / "README.md"


def shell_below(heading: str) -> list[str]:
    """Given a heading, return the blocks of shell commands between it and the next heading."""
    text = _README.read_text()
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"README.md has no heading {heading}"
    section = re.split(r"^#{2,3} ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
