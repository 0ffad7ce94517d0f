"""The reference names everything that there is, with its default, and nothing else."""

import dataclasses
import doctest
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from pydantic import BaseModel
from tests.docs.pages import Block, blocks, code, page, rows, section
from tests.unit.report.example_run import make_run

from penjing.blueprint import PRECISIONS
from penjing.cli.app import app
from penjing.families import FAMILIES
from penjing.objectives import METRICS
from penjing.search import ALGORITHMS
from penjing.store import Manifest
from penjing.store.front import front_of
from penjing.study.config import PhaseConfig, StudyConfig
from penjing.tasks.image_classification.folders import SUFFIXES

SECTIONS = {"Top level": StudyConfig} | {
    name: type(field.default)
    for name, field in StudyConfig.model_fields.items()
    if isinstance(field.default, BaseModel)
}


def commands(group: Any, prefix: str = "") -> dict[str, Any]:
    """Every command by the words that call it."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        found |= (
            commands(command, f"{prefix}{name} ")
            if hasattr(command, "commands")
            else {prefix + name: command}
        )
    return found


COMMANDS = commands(typer.main.get_command(app))
TYPES = {"integer": int, "number": float, "text": str, "object": dict, "list": list}


def plain_default(field: Any) -> Any:
    default = field.get_default(call_default_factory=True)
    return default.model_dump(mode="json") if isinstance(default, BaseModel) else default


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_setting_is_named_with_its_default(heading: str) -> None:
    text = section(page("reference/configuration.md"), heading)
    documented = {code(cells[0])[0]: cells[1] for cells in rows(text)}
    model = SECTIONS[heading]
    assert list(documented) == list(model.model_fields)
    for name, field in model.model_fields.items():
        if field.is_required():
            assert documented[name] == "required"
        elif isinstance(field.default, BaseModel):
            assert documented[name] == "see below"
        else:
            assert yaml.safe_load(code(documented[name])[0]) == plain_default(field), name


def test_every_key_of_a_phase_is_named_with_its_default() -> None:
    text = section(page("reference/configuration.md"), "Phases of a search")
    documented = {code(cells[0])[0]: cells[1] for cells in rows(text)}
    assert list(documented) == list(PhaseConfig.model_fields)
    for name, field in PhaseConfig.model_fields.items():
        expected = "required" if field.is_required() else plain_default(field)
        found = documented[name]
        assert (found if expected == "required" else yaml.safe_load(code(found)[0])) == expected, name


def test_every_kind_of_networks_is_documented_and_no_other() -> None:
    headings = re.findall(r"^## (.+)$", page("reference/networks.md"), re.MULTILINE)
    assert headings == list(FAMILIES)


@pytest.mark.parametrize("networks", FAMILIES)
def test_every_setting_of_a_family_is_named_with_its_default(networks: str) -> None:
    text = section(page("reference/networks.md"), networks)
    documented = {code(cells[0])[0]: yaml.safe_load(code(cells[1])[0]) for cells in rows(text)}
    settings = dataclasses.asdict(FAMILIES[networks].settings.for_images((1, 28, 28)))
    if networks == "convolutional":
        assert settings.pop("shorter_side") == 28  # known from the images, nothing to set
    assert documented == {name: _as_lists(values) for name, values in settings.items()}


def _as_lists(values: Any) -> Any:
    return [_as_lists(value) for value in values] if isinstance(values, list | tuple) else values


def test_every_command_is_documented_and_no_other() -> None:
    headings = re.findall(r"^## penjing ([\w -]+)$", page("reference/command-line.md"), re.MULTILINE)
    assert headings == list(COMMANDS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_argument_and_option_is_documented_and_no_other(name: str) -> None:
    text = section(page("reference/command-line.md"), f"penjing {name}")
    documented = {code(cells[0])[0] for cells in rows(text) if code(cells[0])}
    there = set()
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "option":
            there |= {option for option in parameter.opts if option != "--help"}
        else:
            there.add(parameter.metavar or parameter.name)
    assert documented == there


def flattened(value: Any, name: str = "") -> dict[str, Any]:
    """Dotted names to values; what a candidate holds depends on the space and stays one value."""
    if not isinstance(value, dict) or name == "candidate":
        return {name: value}
    made: dict[str, Any] = {}
    for key, inner in value.items():
        made |= flattened(inner, f"{name}.{key}".lstrip("."))
    return made


def documented_front() -> tuple[dict[str, str], dict[str, str]]:
    """Types by key: of the document, and of one design."""
    outer, _, inner = page("reference/front-json.md").partition("Each design:")
    tables = [{code(cells[0])[0]: cells[1] for cells in rows(text)} for text in (outer, inner)]
    return tables[0], tables[1]


def assert_is_as_documented(document: dict[str, Any]) -> None:
    of_document, of_design = documented_front()
    assert list(document) == list(of_document)
    assert document["front"]
    for entry in document["front"]:
        found = flattened(entry)
        assert sorted(found) == sorted(of_design)
        for name, value in found.items():
            assert isinstance(value, TYPES[of_design[name]]), f"{name} is {value!r}"


def test_the_front_of_a_run_has_the_documented_keys(tmp_path: Path) -> None:
    assert_is_as_documented(front_of(make_run(tmp_path / "run")))


def test_every_field_of_a_manifest_is_documented() -> None:
    documented = {code(cells[0])[0] for cells in rows(section(page("reference/run-folder.md"), "A design"))}
    assert documented == {field.name for field in dataclasses.fields(Manifest)}


def test_every_metric_is_documented_with_its_units() -> None:
    text = section(page("how-to/constraints.md"), "Metrics and units")
    documented = {code(cells[0])[0]: cells for cells in rows(text)}
    assert list(documented) == list(METRICS)
    for name, metric in METRICS.items():
        _, better, _, units, _ = documented[name]
        assert better == ("more" if metric.maximise else "less")
        same_as = code(units)[0]
        units = documented[same_as][3] if same_as in METRICS else units
        assert set(code(units)) == set(metric.units)


def test_every_search_algorithm_has_a_card() -> None:
    headings = re.findall(r"^## (.+)$", page("reference/algorithms.md"), re.MULTILINE)
    assert headings == list(ALGORITHMS)


def test_every_precision_is_documented() -> None:
    text = page("explanation/storing-bits-computing-floats.md").partition("## ")[0]
    assert [code(cells[0])[0] for cells in rows(text)] == list(PRECISIONS)


def test_every_kind_of_image_file_is_documented() -> None:
    assert all(f"`{suffix}`" in page("how-to/data.md") for suffix in SUFFIXES)


@pytest.mark.parametrize("block", blocks("pycon"), ids=str)
def test_what_is_shown_at_the_prompt_is_what_happens(block: Block) -> None:
    same_page = [other.text for other in blocks("pycon") if other.page == block.page]
    so_far = "\n".join(same_page[: same_page.index(block.text) + 1])
    test = doctest.DocTestParser().get_doctest(so_far, {}, block.page, block.page, 0)
    assert doctest.DocTestRunner().run(test).failed == 0
