"""The commands below ``penjing benchmark``, from a file to a table, a document and a picture."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penjing.cli.app import app
from penjing.errors import InvalidValueError, UnknownNameError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = [
        f"{depth},{width},{depth * width / 20:.2f},{depth * width}"
        for depth in range(1, 5)
        for width in range(1, 6)
    ]
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(["depth,width,score,bytes", *rows]) + "\n")
    return file


def call(*words: str) -> str:
    result = CliRunner().invoke(app, ["benchmark", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def arguments(path: Path) -> list[str]:
    return [
        "table",
        str(path),
        "--choices",
        "depth,width",
        "--maximise",
        "score",
        "--seeds",
        "2",
        "--queries",
        "8",
    ]


def test_a_table_is_searched_and_shown(path: Path) -> None:
    shown = call(*arguments(path), "--algorithms", "random,local").splitlines()
    assert shown[0].startswith("mine: 20 rows allowed of 20, 8 queries a search at most")
    assert [line.split()[0] for line in shown[2:4]] == ["random", "local"]
    assert shown[4:] == [
        "regret: what the best row has more than the best looked at, in score.",
        "p against random: Wilcoxon's test, pairs of seeds; with 2 it cannot be below 0.25.",
        "-: does not apply, or was not reached by half of the searches.",
    ]


def test_what_is_named_twice_is_searched_once(path: Path) -> None:
    shown = call(*arguments(path), "--algorithms", "random,random").splitlines()
    assert [line.split()[0] for line in shown[2:4]] == ["random", "regret:"]


def test_what_counts_is_taken_from_the_table_unless_it_is_said(path: Path) -> None:
    asked = (*arguments(path), "--minimise", "bytes", "--algorithms", "random")
    assert "taken from the table; --range says it" in call(*asked)
    assert "taken from the table" not in call(*asked, "--range", "0,100")
    refused = CliRunner().invoke(app, ["benchmark", *asked, "--range", "low"])
    assert isinstance(refused.exception, InvalidValueError)


def test_json_is_one_document(path: Path) -> None:
    shown = call(*arguments(path), "--minimise", "bytes", "--algorithms", "bayesian", "--json")
    document = json.loads(shown)
    (table,) = document["tables"]
    assert document["format_version"] == 1
    assert 0.0 < table["rows"][0]["hypervolume_8"] <= 1.0


def test_searches_are_kept_and_drawn(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = call(*arguments(path), "--algorithms", "random", "--out", str(out))
    kept = (out / "searches.jsonl").read_text()
    assert "plotly" in (out / "mine.html").read_text()
    assert call(*arguments(path), "--algorithms", "random", "--out", str(out)) == first
    assert (out / "searches.jsonl").read_text() == kept


def test_an_algorithm_that_is_not_there_is_named_before_anything_runs(path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'random'"):
        call(*arguments(path), "--algorithms", "randm")


@pytest.mark.parametrize("text", ["half", "", "25,,50"])
def test_a_percentile_is_a_number(path: Path, text: str) -> None:
    with pytest.raises(InvalidValueError, match="is no percentile"):
        call("hwnas", str(path.parent), "--limits", text)
