"""Search algorithms that installed packages bring."""

import tomllib
from pathlib import Path

import pytest

from penjing.errors import InvalidValueError, UnknownNameError
from penjing.search import (
    ALGORITHMS,
    all_algorithms,
    available_algorithms,
    expects_gains,
    searcher_class,
    searcher_named,
    trains_further,
)
from penjing.search.hybrid import HybridSearcher
from penjing.testing.searcher import MakeSearcher, SearcherContract, conditional_problem

EXAMPLE = Path(__file__).parents[3] / "examples" / "03_your_own_searcher"
NAME = "threshold-accepting"


def installed(site: Path, package: str, lines: list[str]) -> None:
    """What an installer writes of a package with entry points."""
    info = site / f"{package.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("\n".join(["[penjing.searchers]", *lines, ""]))


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example, as if it was installed."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    entries = project["entry-points"]["penjing.searchers"]
    installed(tmp_path, project["name"], [f"{name} = {value}" for name, value in entries.items()])
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("example")
class TestTheExample(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem: searcher_named(NAME, problem)


@pytest.mark.usefixtures("example")
def test_what_a_package_brings_is_known_by_its_name_and_can_be_one_of_a_pair() -> None:
    assert available_algorithms()[-1] == NAME
    assert not expects_gains(NAME)
    assert not trains_further(NAME)
    pair = searcher_named(f"hybrid:{NAME}+surrogate", conditional_problem())
    assert isinstance(pair, HybridSearcher)
    assert type(pair.proposer).__name__ == "ThresholdAcceptingSearcher"
    with pytest.raises(UnknownNameError, match="Did you mean 'threshold-accepting'"):
        searcher_class("treshold-accepting")


def test_without_the_package_its_name_is_unknown() -> None:
    with pytest.raises(UnknownNameError):
        searcher_class(NAME)


def test_names_of_ours_stay_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, "other", ["random = nowhere:Other"])
    monkeypatch.syspath_prepend(str(tmp_path))
    assert searcher_class("random").__name__ == "RandomSearcher"
    assert all_algorithms().count("random") == 1


def test_names_that_mean_something_else_where_algorithms_are_named_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, "other", ["all = json:loads", "one,two = json:loads", "one+two = json:loads"])
    monkeypatch.syspath_prepend(str(tmp_path))
    assert all_algorithms() == list(ALGORITHMS)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("nowhere_at_all:X", "nowhere_at_all"),
        ("json:NoSuchSearcher", "NoSuchSearcher"),
        ("json", "no class, but <module 'json'"),
    ],
)
def test_what_cannot_be_loaded_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, why: str
) -> None:
    installed(tmp_path, "broken-package", [f"broken = {value}"])
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InvalidValueError, match=f"'broken' of broken-package cannot be loaded .*{why}"):
        searcher_class("broken")
    assert "broken" in all_algorithms()
    assert "broken" not in available_algorithms()
