"""A run with every kind of networks but the usual one: searched, trained, compressed, measured, reported."""

import re
from pathlib import Path
from typing import Any

import pytest

from penjing.families import FAMILIES
from penjing.report import write_report
from penjing.store import Manifest, RunFolder
from penjing.study.api import Result, run_study
from penjing.study.config import checked

SMALL: dict[str, dict[str, Any]] = {
    "nasbench201": {"widths": [4, 8], "repeats": [1]},
    "nasnet": {"widths": [4, 8], "repeats": [1], "nodes": 2},
    "chain": {"depths": [2, 4]},
}


def test_every_other_kind_is_run_here() -> None:
    assert set(SMALL) == set(FAMILIES) - {"convolutional"}


@pytest.mark.parametrize("networks", SMALL)
def test_a_run_ends_with_files_that_agree_with_their_networks(tmp_path: Path, networks: str) -> None:
    said = {
        "data": "digits",
        "objectives": ["accuracy", "size_bytes"],
        "budget": "8 evaluations",
        "workers": 1,
        "space": {"networks": networks, "family": SMALL[networks], "precisions": ["w8", "w8a8"]},
        "search": {"algorithm": "random", "epochs": 1},
        "finalists": {"count": 2, "epochs": 4},
        "training": {"mirror": False, "batch_size": 64, "learning_rates": [0.1]},
    }
    result: Result = run_study(checked(said), tmp_path / "run")
    run = RunFolder.open(tmp_path / "run")
    assert run.config["space"]["networks"] == networks
    trials = run.journal(read_only=True).trials()
    assert [trial.error for trial in trials if trial.state != "done"] == []
    assert len(trials) == 8
    finished = {trial.measurements["design"] for trial in trials if trial.fidelity == "final"}
    assert len(finished) == 2
    for design in finished:
        manifest = Manifest.read(run.design_path(design))
        assert manifest.recipe["agreement"] >= 0.99
        assert manifest.measurements["size_bytes"] == manifest.recipe["predicted_size_bytes"]
        assert (run.design_path(design) / "network.py").exists()
    assert result.best().entry["validation"]["value"] > 0.3
    page = write_report(run).read_text(encoding="utf-8")
    assert len(re.findall('<svg class="drawing"', page)) == 2
