"""What the tests of the documentation read: its pages, their code blocks and their tables."""

import doctest
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of code: where it stands, its language and its text."""

    page: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text.strip().splitlines()[0]}"


def blocks(language: str) -> list[Block]:
    """All blocks of a language, README first."""
    found = []
    for page in PAGES:
        for match in _FENCE.finditer(page.read_text(encoding="utf-8")):
            if match[1] == language:
                found.append(Block(str(page.relative_to(ROOT)), match[1], match[2]))
    return found


def page(name: str) -> str:
    """The text of a page below ``docs``."""
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert heading in found, f"There is no section {heading!r} among {list(found)}."
    return found[heading]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every table row, without heads and rules."""
    lines = text.splitlines()
    for index, line in enumerate(lines):
        is_head = index + 1 < len(lines) and re.match(r"\| ?---", lines[index + 1])
        if line.startswith("|") and not is_head and not re.match(r"\| ?---", line):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def code(cell: str) -> list[str]:
    """The pieces of a cell that are set as code."""
    return re.findall(r"`([^`]+)`", cell)


@cache
def names_defined_on(name: str) -> dict[str, Any]:
    """What is defined once everything at the prompt of a page below ``docs`` was typed."""
    shown = "\n".join(block.text for block in blocks("pycon") if block.page == f"docs/{name}")
    test = doctest.DocTestParser().get_doctest(shown, {}, name, name, 0)
    assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
    return test.globs
