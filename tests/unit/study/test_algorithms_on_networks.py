"""Every search algorithm, but one that takes seconds, on real networks: conditions, graphs, a limit."""

from pathlib import Path

import numpy as np
import pytest
from tests.unit.study.small_study import small_study

from penjing.blueprint import graph_of
from penjing.search import ALGORITHMS, searcher_named

DEEP = {
    "space": {
        "precisions": ["fp32", "w8"],
        "family": {
            "stage_widths": [[4, 8], [8, 16]],
            "stage_depths": [[1, 2], [1, 2, 3]],
            "stage_strides": [[1], [2]],
        },
    },
    "constraints": ["size_bytes <= 12 kB"],
}


@pytest.mark.parametrize("name", [name for name in ALGORITHMS if name != "optuna-gp"])
def test_an_algorithm_searches_networks(tmp_path: Path, name: str) -> None:
    with small_study(tmp_path / "run", **DEEP) as study:
        study.box.open(study.problem(study.pipeline.space))
        problem = study.problem(study.pipeline.space)
        searcher = searcher_named(name, problem)
        told: set[str] = set()
        for ask in range(6):
            for candidate in searcher.ask(4, np.random.default_rng(ask)):
                assert problem.space.holds(candidate)
                assert problem.costs(candidate)["size_bytes"] <= 12_000
                assert candidate.key not in told
                told.add(candidate.key)
                searcher.tell(candidate, {"accuracy": 1.0 - 0.5 * problem.costs(candidate)["macs"] ** -0.1})
        assert len(told) == 24


def test_the_graph_of_a_network_has_its_layers_and_precisions(tmp_path: Path) -> None:
    with small_study(tmp_path / "run", **DEEP) as study:
        candidate = study.pipeline.space.sample(np.random.default_rng(0))
        blueprint = study.pipeline.blueprint(candidate)
        graph = graph_of(blueprint)
        assert len(graph.labels) == len(blueprint.layers) + 1
        assert all(source < node for node, sources in enumerate(graph.sources) for source in sources)
        assert len({len(sizes) for sizes in graph.sizes}) == 1
        assert sum("conv2d" in label for label in graph.labels) == sum(
            layer.operation == "conv2d" for layer in blueprint.layers
        )
