"""What the pages of the documentation promise each other, and quote."""

import re
import tomllib
from pathlib import Path

import pytest
from support import documents

from daemon.config import Settings

_PAGES = [
    str(path.relative_to(documents.PROJECT))
    for path in (*documents.PROJECT.glob("*.md"), *documents.PROJECT.glob("docs/*.md"))
]
_EXAMPLES = documents.PROJECT / "docs" / "examples"


@pytest.mark.parametrize("name", _PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    text = documents.page(name)
    dead = [link for link in documents.links(text) if not leads_somewhere(name, link)]
    assert not dead


def leads_somewhere(name: str, link: str) -> bool:
    """Return whether what a page links to is there, anchors included; other sites are taken at their word."""
    if link.startswith("https://"):
        return True
    path, _, anchor = link.partition("#")
    target = (documents.PROJECT / name).parent / path if path else documents.PROJECT / name
    if not target.exists():
        return False
    return not anchor or anchor in documents.anchors(target.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", _PAGES)
def test_every_configuration_that_is_shown_is_accepted(name: str) -> None:
    for block in documents.blocks(documents.page(name)):
        if block.language == "toml":
            Settings.model_validate(tomllib.loads(block.code))


@pytest.mark.parametrize(
    "file", [path for path in _EXAMPLES.rglob("*") if path.is_file()], ids=lambda path: path.name
)
def test_the_page_on_migration_quotes_each_file_of_the_example(file: Path) -> None:
    page = documents.page("docs/migration.md")
    assert f"(examples/{file.relative_to(_EXAMPLES)})" in page
    assert file.read_text(encoding="utf-8") in [block.code for block in documents.blocks(page)]


def test_the_headings_in_a_block_of_code_are_none() -> None:
    text = "\n# A\n\n```sh\n# B\n```\n\n## C d's\n"
    assert documents.anchors(text) == {"a", "c-ds"}
    assert re.sub(r"\s", "", documents.below("# A", text)) == "```sh#B```"
