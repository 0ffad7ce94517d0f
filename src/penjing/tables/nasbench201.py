"""NAS-Bench-201: 15,625 cells of six edges, trained by others, and what they take on devices.

Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020.
Li et al., "HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark", ICLR 2021.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from penjing.blueprint import Graph
from penjing.columns import Column, numbers_of, read_columns
from penjing.errors import DataError, InvalidValueError, unknown_name
from penjing.space import Candidate, SearchSpace
from penjing.space.nasbench201 import EDGES, OPERATIONS, cell_choices, edge_name
from penjing.tables.table import CheapFidelity, ColumnLimit, Objective, Table

SOUGHT = "cifar10_valid_acc_200ep"
_TEST = "cifar10_test_acc_200ep"
# Trained from scratch with a schedule of its own.
CHEAP = CheapFidelity("cifar10_valid_acc_12ep", 12 / 200)
DEVICES = (
    "edgegpu_latency",
    "raspi4_latency",
    "pixel3_latency",
    "edgetpu_latency",
    "fpga_latency",
    "eyeriss_energy",
)
_N_CELLS = len(OPERATIONS) ** len(EDGES)
_LEAST_ACCURACY = 80.0


def cell_graph(candidate: Candidate) -> Graph:
    """What flows in a cell: operations that do something, and that the result depends on.

    A skipped edge is no operation, and nothing flows where there is none, so that cells which compute
    the same have the same graph.
    """
    labels: list[str] = ["input"]
    sources: list[tuple[int, ...]] = [()]
    # Of each node of the cell, the nodes of the graph whose results it adds up.
    adds: list[tuple[int, ...]] = [(0,)]
    for node in (1, 2, 3):
        terms: list[int] = []
        for source in range(node):
            operation = candidate[edge_name(source, node)]
            if operation == "none" or not adds[source]:
                continue
            if operation == "skip_connect":
                terms += adds[source]
                continue
            labels.append(str(operation))
            sources.append(adds[source])
            terms.append(len(labels) - 1)
        adds.append(tuple(sorted(terms)))
    return _reaching(labels, sources, adds[-1])


def _reaching(labels: Sequence[str], sources: Sequence[tuple[int, ...]], last: tuple[int, ...]) -> Graph:
    """The part of a graph that the result depends on, and the result itself."""
    needed = {0}
    waiting = list(last)
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting += sources[node]
    place = {node: at for at, node in enumerate(sorted(needed))}
    kept = sorted(needed)
    return Graph(
        (*(labels[node] for node in kept), "output"),
        (*(tuple(place[s] for s in sources[node]) for node in kept), tuple(place[s] for s in last)),
    )


@cache
def _cells(path: Path) -> tuple[dict[str, list[str]], tuple[Candidate, ...]]:
    """Columns of the file, and one candidate a row."""
    texts = read_columns(path)
    for name in ("ops", "unique_id", SOUGHT):
        if name not in texts:
            raise unknown_name(f"column of {path.name}", name, texts)
    space = SearchSpace(cell_choices())
    names = [choice.name for choice in space]
    cells: list[Candidate] = []
    for ops in texts["ops"]:
        if len(ops) != len(EDGES) or not set(ops) <= set("01234"):
            raise DataError(f"{path.name} names a cell {ops!r}; six digits from 0 to 4 are expected.")
        cells.append(Candidate(dict(zip(names, (OPERATIONS[int(digit)] for digit in ops), strict=True))))
    if len(cells) != _N_CELLS:
        raise DataError(
            f"{path.name} has {len(cells)} cells, NAS-Bench-201 {_N_CELLS:,}. Give the whole table."
        )
    return texts, tuple(cells)


def nas201(path: Path, is_cheap_offered: bool = False) -> Table:
    """The accuracy of cells on CIFAR-10's validation images after 200 epochs, in per cent.

    Known of a cell before it is evaluated: the parameters and operations that its architecture has. Its
    accuracy on test images is for the last column of a comparison alone.

    Args:
        path: ``nasbench201.csv.gz``, or the folder that holds it.
        is_cheap_offered: Whether searches may look at the accuracy after 12 epochs, for 12/200 of a query.

    Raises:
        DataError: If there is no such file, or it is another.
    """
    file = path / "nasbench201.csv.gz" if path.is_dir() else path
    texts, cells = _cells(file)
    cheap = CHEAP if is_cheap_offered else None
    cheaper = [cheap.column] if cheap else []
    if missing := [name for name in cheaper if name not in texts]:
        raise unknown_name(f"column of {file.name}", missing[0], texts)
    columns = {name: numbers_of(file, name, texts[name]) for name in (SOUGHT, "unique_id", *cheaper)}
    columns |= _counted(cells)
    return Table(
        "nas201",
        SearchSpace(cell_choices()),
        cells,
        columns,
        [Objective(SOUGHT, True, float(columns[SOUGHT].max()), 0.0, 100.0)],
        costs={"parameters": "parameters", "macs": "macs"},
        twins=columns["unique_id"],
        graph=cell_graph,
        cheap=cheap,
        test=numbers_of(file, _TEST, texts[_TEST]) if _TEST in texts else np.zeros(0),
    )


def hwnas(
    path: Path, device: str, limit_percentile: float | None = None, is_cheap_offered: bool = False
) -> Table:
    """Accuracy against what a device takes, on CIFAR-10; accuracies below 80 % do not count.

    Args:
        path: The folder of ``nasbench201.csv.gz`` and ``hw_nas_bench.csv.gz``.
        device: One of :data:`DEVICES`.
        limit_percentile: Percentile of the device's column that is a hard limit; None for no limit.
        is_cheap_offered: See :func:`nas201`.

    Raises:
        DataError: If there are no such files.
        InvalidValueError: If the percentile is not above 0 and below 100.
        UnknownNameError: If there is no such device.
    """
    if device not in DEVICES:
        raise unknown_name("device of HW-NAS-Bench", device, DEVICES)
    if limit_percentile is not None and not 0 < limit_percentile < 100:
        raise InvalidValueError(
            f"A limit is a percentile above 0 and below 100, got {limit_percentile:g}. Give another, or none."
        )
    table = nas201(path, is_cheap_offered)
    file = (path if path.is_dir() else path.parent) / "hw_nas_bench.csv.gz"
    hardware = read_columns(file)
    for name in ("dataset", "index", device):
        if name not in hardware:
            raise unknown_name(f"column of {file.name}", name, hardware)
    here = [at for at, name in enumerate(hardware["dataset"]) if name == "cifar10"]
    if [hardware["index"][at] for at in here] != [str(at) for at in range(len(table.candidates))]:
        raise DataError("hw_nas_bench.csv.gz does not have the cells of nasbench201.csv.gz, in their order.")
    taken = numbers_of(file, device, [hardware[device][at] for at in here])
    limits: list[ColumnLimit] = []
    if limit_percentile is not None:
        limits.append(ColumnLimit(device, True, float(np.percentile(taken, limit_percentile))))
    sought = table.objectives[0]
    return replace(
        table,
        name=f"hwnas {device}" + (f" <= p{limit_percentile:g}" if limits else ""),
        columns={**table.columns, device: taken},
        objectives=[
            replace(sought, worst=_LEAST_ACCURACY, is_from_table=False),
            Objective(
                device, False, float(taken.min()), float(np.percentile(taken, 99.9)), float(taken.min())
            ),
        ],
        limits=limits,
    )


def _counted(cells: Sequence[Candidate]) -> dict[str, Column]:
    """Parameters and multiply-adds of the whole network: fifteen cells of 16, 32 and 64 channels.

    Linear in how many convolutions the cell has; stored counts are off in some rows.
    """
    n1 = np.array([sum(op == "nor_conv_1x1" for op in cell.values()) for cell in cells])
    n3 = np.array([sum(op == "nor_conv_3x3" for op in cell.values()) for cell in cells])
    return {
        "parameters": 73_306.0 + 28_000.0 * n1 + 243_040.0 * n3,
        "macs": 7_783_050.0 + 3_932_160.0 * n1 + 35_389_440.0 * n3,
    }
