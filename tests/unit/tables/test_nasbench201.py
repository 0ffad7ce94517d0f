"""NAS-Bench-201 as a table: its cells, what is the same cell, and searches over a part of it."""

from pathlib import Path

import numpy as np
import pytest

from penjing.errors import DataError, InvalidValueError, UnknownNameError
from penjing.space import Candidate, SearchSpace
from penjing.space.nasbench201 import EDGES, OPERATIONS, cell_choices, edge_name
from penjing.tables import Settings, compare, hwnas, nas201
from penjing.tables.nasbench201 import cell_graph


def cell(digits: str) -> Candidate:
    names = [edge_name(*edge) for edge in EDGES]
    return Candidate(dict(zip(names, (OPERATIONS[int(digit)] for digit in digits), strict=True)))


def test_the_space_has_all_cells() -> None:
    assert SearchSpace(cell_choices()).cardinality == 15_625


def test_a_cell_through_which_nothing_flows_is_input_and_output() -> None:
    graph = cell_graph(cell("000000"))
    assert graph.labels == ("input", "output")
    assert graph.sources[-1] == ()


def test_what_the_result_does_not_depend_on_is_left_out() -> None:
    # Edges into nodes 1 and 2, of which nothing leads on.
    assert cell_graph(cell("330300")).key == cell_graph(cell("000300")).key


def test_a_skipped_edge_is_no_operation() -> None:
    # Input, skip to node 1, convolution to node 3: the same as the convolution alone.
    assert cell_graph(cell("100030")).key == cell_graph(cell("000300")).key


def test_operations_one_after_the_other_are_not_those_side_by_side() -> None:
    assert cell_graph(cell("300030")).key != cell_graph(cell("300300")).key


@pytest.fixture
def folder(shared_data: Path) -> Path:
    there = shared_data / "nasbench201"
    if not there.is_dir():
        pytest.skip(f"no table: {str(there)!r} does not exist")
    return there


def test_the_best_row_is_the_published_one(folder: Path) -> None:
    table = nas201(folder)
    assert len(table.candidates) == 15_625
    assert table.sought.max() == pytest.approx(91.607, abs=1e-3)
    assert table.columns["parameters"][0] == pytest.approx(129_306)


def test_cells_that_differ_in_numbering_have_one_graph() -> None:
    """With nothing between nodes 1 and 2 they can change places."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b, c, d, e = (str(digit) for digit in rng.integers(5, size=5))
        one, other = cell(f"{a}{b}0{c}{d}{e}"), cell(f"{b}{a}0{c}{e}{d}")
        assert cell_graph(one).key == cell_graph(other).key


def test_what_has_one_graph_others_found_to_be_nearly_one(folder: Path) -> None:
    """Graphs tell a result that is used twice from two that are alike; published numbers do not."""
    table = nas201(folder)
    of: dict[str, list[float]] = {}
    for candidate, accuracy in zip(table.candidates, table.sought, strict=True):
        of.setdefault(cell_graph(candidate).key, []).append(accuracy)
    spreads = [max(values) - min(values) for values in of.values() if len(values) > 1]
    assert len(of) < 7000
    assert np.median(spreads) < 0.5 < np.ptp(table.sought)


@pytest.mark.parametrize("algorithm", ["random", "regularised-evolution", "local", "bayesian"])
def test_searches_find_better_cells_than_they_begin_with(folder: Path, algorithm: str) -> None:
    table = nas201(folder)
    (search,) = compare(table, [algorithm], Settings(queries=25, batch=5, seeds=1))
    values = table.sought[list(search.rows)]
    assert values.max() > values[:5].max() or values[:5].max() > 91.0


def test_a_device_with_a_limit(folder: Path) -> None:
    table = hwnas(folder, "raspi4_latency", 25)
    assert 0.2 < table.is_allowed.mean() < 0.3
    (search,) = compare(table, ["bayesian"], Settings(queries=20, batch=5, seeds=1))
    assert table.is_allowed[list(search.rows)].all()


def test_a_device_that_is_not_there(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="pixel3_latency"):
        hwnas(folder, "pixel3", None)


@pytest.mark.parametrize("percentile", [0.0, 100.0, float("nan")])
def test_a_limit_that_leaves_nothing_or_all_is_refused_before_anything_is_read(
    tmp_path: Path, percentile: float
) -> None:
    with pytest.raises(InvalidValueError, match="above 0 and below 100"):
        hwnas(tmp_path, "raspi4_latency", percentile)


def test_a_folder_without_the_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        nas201(tmp_path)
