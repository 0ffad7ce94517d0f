"""Every block of code on every page can be used as it stands: README, how-to, tutorial, reference."""

import ast
import importlib
import inspect
import re
import shlex
from pathlib import Path

import pytest
import yaml
from tests.docs.pages import PAGES, README, ROOT, Block, blocks
from tests.docs.test_docs import COMMANDS

from penjing.study.api import search
from penjing.study.config import StudyConfig, checked

_COMMANDS = re.compile(r"\s*(?:&&|\|)\s*")


def commands() -> list[tuple[str, str]]:
    """Page and command, of every command in a block of shell."""
    found = []
    for block in blocks("sh"):
        for line in block.text.splitlines():
            bare = re.sub(r"\s+#.*", "", line).strip()
            # A quoted program may hold what separates commands.
            pieces = [bare] if '"import' in bare else _COMMANDS.split(bare)
            found.extend((block.page, piece) for piece in pieces if piece)
    return found


@pytest.mark.parametrize(("where", "command"), commands())
def test_every_command_exists(where: str, command: str) -> None:
    words = shlex.split(command)
    if words[0] == "penjing":
        _check_penjing(words[1:])
    elif words[0] == "make":
        targets = re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets
    elif words[0] == "pip":
        extras = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        for name in re.findall(r"\w+", words[-1].partition("[")[2]):
            assert re.search(rf"^{name} = \[", extras, re.MULTILINE)
    else:
        assert words[0] in (".", "cd", "optuna-dashboard", "python", "python3"), f"{where} names {words[0]!r}"


def _check_penjing(words: list[str]) -> None:
    if words[0] == "--help":
        return
    command = COMMANDS[words[0] if words[0] in COMMANDS else " ".join(words[:2])]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
    for word in words[1:]:
        if word.startswith("examples/"):
            assert (ROOT / word).is_file()


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_every_configuration_is_accepted(block: Block) -> None:
    checked(yaml.safe_load(block.text))


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_program_parses_and_its_names_exist(block: Block) -> None:
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("penjing"):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "penjing.search":
            known = {*inspect.signature(search).parameters, *StudyConfig.model_fields}
            assert {word.arg for word in node.keywords} <= known


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", _without_comments(path)):
        assert link.startswith("https://") or (path.parent / link).exists(), link


def test_the_readme_shows_no_picture_that_is_not_there() -> None:
    for link in re.findall(r"!\[[^]]*\]\(([^)]+)\)", _without_comments(README)):
        assert (ROOT / link).is_file()


def _without_comments(path: Path) -> str:
    return re.sub(r"<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
