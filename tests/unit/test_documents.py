"""What the pages of the documentation promise each other, and quote."""

import html
import os
import re
import runpy
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


def test_the_headings_in_a_block_of_code_are_none() -> None:
    text = "\n# A\n\n```sh\n# B\n```\n\n## C d's\n"
    assert documents.anchors(text) == {"a", "c-ds"}
    assert re.sub(r"\s", "", documents.below("# A", text)) == "```sh#B```"


def test_the_picture_shows_what_the_command_says() -> None:
    picture = runpy.run_path(str(documents.PROJECT / "docs" / "picture.py"))
    spans = re.findall(r"<text [^>]*>(.*?)</text>", documents.page("docs/status.svg"))
    drawn = html.unescape("".join(spans)).replace("\N{NO-BREAK SPACE}", " ")
    assert [text for text, _style in picture["lines"]() if text not in drawn] == []


def test_the_changelog_keeps_to_its_form() -> None:
    titles = re.findall(r"^#+ (.*)$", documents.page("CHANGELOG.md"), re.MULTILINE)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert titles[:2] == ["Changelog", "[Unreleased]"]
    versions = [title for title in titles[2:] if title not in kinds]
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version) for version in versions)


def test_the_modules_that_have_rules_exist() -> None:
    rules = documents.below("## Rules", documents.page("docs/architecture.md"))
    named = set(re.findall(r"`([a-z]+(?:\.[a-z]+)*)`", rules)) - {"pyproject.toml"}
    package = documents.PROJECT / "daemon"
    paths = [package.joinpath(*name.split(".")) for name in sorted(named)]
    assert [path.name for path in paths if not path.is_dir() and not path.with_suffix(".py").exists()] == []


# Both languages -------------------------------------------------------------------------------------------

_ENGLISH, _RUSSIAN = documents.page("README.md"), documents.page("docs/README.ru.md")


def test_the_russian_page_has_the_same_blocks_of_code_but_for_comments() -> None:
    assert commands(_RUSSIAN) == commands(_ENGLISH)


def commands(text: str) -> list[tuple[str, str]]:
    """Return the blocks of code in a text with their comments left out."""
    return [(language, re.sub(r"(?m)(^| +)# .*", "", code)) for language, code in documents.blocks(text)]


def test_the_russian_page_has_the_same_sections() -> None:
    assert levels(_RUSSIAN) == levels(_ENGLISH)


def levels(text: str) -> list[str]:
    return re.findall("^#{1,6} ", documents.prose(text), re.MULTILINE)


def test_the_russian_tables_tell_of_the_same_things() -> None:
    assert named_in_tables(_RUSSIAN) == named_in_tables(_ENGLISH)


def named_in_tables(text: str) -> list[list[str]]:
    """Return what stands as code in each line of each table, in whichever order the language has it."""
    lines = re.findall(r"^\|.*\|$", documents.prose(text), re.MULTILINE)
    return [sorted(set(re.findall(r"`[^`]+`", line))) for line in lines]


def test_the_russian_page_leads_to_the_same_places() -> None:
    assert targets("docs/README.ru.md", _RUSSIAN) == targets("README.md", _ENGLISH)


def targets(name: str, text: str) -> list[str]:
    """Return where a page leads to besides itself and its translation, anchors of other pages included."""
    directory = os.path.dirname(name)
    led = (
        os.path.normpath(os.path.join(directory, link)) for link in documents.links(text) if link[0] != "#"
    )
    return sorted(set(led) - {"README.md", "docs/README.ru.md"})


# The example of the migration -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file", [path for path in _EXAMPLES.rglob("*") if path.is_file()], ids=lambda path: path.name
)
def test_the_page_on_migration_quotes_each_file_of_the_example(file: Path) -> None:
    page = documents.page("docs/migration.md")
    assert f"(examples/{file.relative_to(_EXAMPLES)})" in page
    assert file.read_text(encoding="utf-8") in [block.code for block in documents.blocks(page)]
