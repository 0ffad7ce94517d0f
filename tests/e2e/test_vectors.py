"""Rows of features, from scikit-learn's wines to a file that classifies them without torch."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from typer.testing import CliRunner

import penjing
from penjing.cli.app import app
from penjing.errors import ConfigError
from penjing.report import write_report
from penjing.store import Manifest, RunFolder
from penjing.study import workshop
from penjing.study.api import resume
from penjing.targets.onnxruntime.runtime import Session
from penjing.training import Recipe, train_

SAID: dict[str, Any] = {
    "objectives": ["accuracy", "size_bytes"],
    "budget": "9 evaluations",
    "workers": 1,
    "space": {"family": {"depths": [4], "widths": [16, 32]}, "precisions": ["fp32", "w8a8"]},
    "search": {"folds": 3, "epochs": 6},
    "finalists": {"count": 3, "epochs": 40},
    "algorithm": "evolution",
}


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, list[Recipe]]:
    """A run, and how its networks were trained."""
    recipes: list[Recipe] = []

    def watched(network: Any, examples: torch.Tensor, labels: Any, recipe: Recipe, *others: Any) -> Recipe:
        assert (examples.dtype, examples.shape[1:]) == (torch.float32, (13,))
        recipes.append(recipe)
        return train_(network, examples, labels, recipe, *others)

    path = tmp_path_factory.mktemp("wine") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workshop, "train_", watched)
        penjing.search("vector-classification", data=load_wine(), out=path, **SAID)
    return RunFolder.open(path), recipes


def test_a_run_ends_with_files_that_agree_with_their_networks(wine: tuple[RunFolder, list[Recipe]]) -> None:
    run, _ = wine
    trials = run.journal(read_only=True).trials()
    assert [trial.error for trial in trials if trial.state != "done"] == []
    assert run.config["task"] == "vector-classification"
    designs = {str(t.measurements["design"]) for t in trials if t.fidelity == "final"}
    assert len(designs) == 3
    for design in designs:
        manifest = Manifest.read(run.design_path(design))
        assert manifest.recipe["agreement"] >= 0.95  # of 21 examples
        assert manifest.measurements["size_bytes"] == manifest.recipe["predicted_size_bytes"]
        assert manifest.measurements["validation"]["value"] > 0.8
        assert manifest.measurements["test"]["n"] == 36
        assert manifest.run["class_names"] == ["class_0", "class_1", "class_2"]
        assert len(manifest.blueprint["input"]["means"]) == 13
    page = write_report(run).read_text(encoding="utf-8")
    assert all(design in page for design in designs)
    assert "could not be read" not in page


def test_networks_are_trained_by_the_optimiser_that_was_searched(
    wine: tuple[RunFolder, list[Recipe]],
) -> None:
    """Three folds of each candidate, and finalists as the search had them."""
    run, recipes = wine
    trials = run.journal(read_only=True).trials()
    searched = [trial for trial in trials if trial.fidelity == "inherited"]
    assert {str(trial.candidate["network.optimiser"]) for trial in searched} == {"sgd", "adam"}
    trained = [trial.candidate["network.optimiser"] for trial in searched if trial.measurements["epochs"]]
    brief = [recipe.optimiser for recipe in recipes[: 3 * len(trained)]]
    assert sorted(brief) == sorted(3 * trained)
    for trial in trials:
        if trial.fidelity == "final":
            assert trial.measurements["facts"]["recipe"]["optimiser"] == trial.candidate["network.optimiser"]
            assert "training.optimiser" not in trial.candidate


def test_an_exported_design_classifies_rows_as_they_come(
    wine: tuple[RunFolder, list[Recipe]], tmp_path: Path
) -> None:
    """Raw features in 64 bits: script, file and plain module say the same."""
    result = penjing.Result(wine[0])
    folder = result.best("accuracy").export(tmp_path / "out")
    rows, labels = load_wine(return_X_y=True)
    np.save(folder / "rows.npy", rows)
    words = [sys.executable, "out/run.py", "out/rows.npy"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = [line.split()[1] for line in done.stdout.splitlines()]
    logits = Session(folder / "model.onnx").predict(rows.astype(np.float32))
    assert said == [f"class_{label}" for label in logits.argmax(axis=1)]
    assert float(np.mean(logits.argmax(axis=1) == labels)) > 0.85
    script = (
        "import json, torch, numpy\n"
        "from safetensors.torch import load_file\n"
        "from network import Network\n"
        "network = Network()\n"
        "network.load_state_dict(load_file('weights.safetensors'))\n"
        "rows = torch.from_numpy(numpy.load('rows.npy')).float()\n"
        "print(json.dumps(network.eval()(rows).argmax(dim=1).tolist()))\n"
    )
    plain = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    agreeing = np.array(json.loads(plain.stdout)) == logits.argmax(axis=1)
    assert agreeing.mean() >= 0.97


def test_more_budget_goes_on_from_what_was_kept(wine: tuple[RunFolder, list[Recipe]]) -> None:
    """The arrays were in memory; a later session has the folder alone."""
    run, _ = wine
    n = len(run.journal(read_only=True).trials())
    resume(run.path, "+2 evaluations")
    trials = run.journal(read_only=True).trials()
    assert len(trials) > n
    assert all(trial.state == "done" for trial in trials)


def test_a_csv_file_becomes_a_design_that_names_its_features(tmp_path: Path) -> None:
    """By the command, from a configuration beside the file."""
    loaded = load_wine()
    names = [*loaded.feature_names, "cultivar"]
    both = zip(loaded.data, loaded.target, strict=True)
    lines = [",".join(map(str, [*row, f"kind {label}"])) for row, label in both]
    (tmp_path / "wine.csv").write_text("\n".join([",".join(names), *lines]))
    said = {**SAID, "search": {"epochs": 6, "algorithm": "random"}, "budget": "3 evaluations"}
    said |= {"task": "vector-classification", "data": "wine.csv", "label_column": "cultivar"}
    said |= {"finalists": {"count": 1, "epochs": 40}}
    del said["algorithm"]
    (tmp_path / "wine.yaml").write_text(json.dumps(said))
    done = CliRunner().invoke(app, ["run", str(tmp_path / "wine.yaml"), "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    (manifest,) = (Manifest.read(folder) for folder in (tmp_path / "run" / "designs").iterdir())
    assert manifest.run["feature_names"] == loaded.feature_names
    assert manifest.run["class_names"] == ["kind 0", "kind 1", "kind 2"]
    folder = penjing.Result(RunFolder.open(tmp_path / "run")).best("accuracy").export(tmp_path / "out")
    np.save(tmp_path / "wine.npy", loaded.data)
    # Columns in another order, packed, and one that was never seen.
    turned = "\n".join(",".join(["nothing", *line.split(",")[::-1]]) for line in [",".join(names), *lines])
    with gzip.open(tmp_path / "turned.csv.gz", "wt") as file:
        file.write(turned)
    (tmp_path / "other.csv").write_text("alcohol,hue\n13,1\n")
    from_csv, from_array = (
        subprocess.run(
            [sys.executable, folder / "run.py", tmp_path / name], capture_output=True, text=True, check=True
        )
        for name in ("turned.csv.gz", "wine.npy")
    )
    assert from_csv.stdout == from_array.stdout
    assert from_csv.stdout.startswith("0 kind ")
    words = [sys.executable, folder / "run.py", tmp_path / "other.csv"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "other.csv lacks the columns: alcalinity_of_ash, " in done.stderr
    (tmp_path / "other.csv").write_text(",".join(names) + "\n" + ",".join(["none"] * len(names)) + "\n")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stderr.rstrip().endswith(
        "other.csv cannot be read: could not convert string to float: 'none'"
    )


def test_networks_that_read_images_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"networks is 'convolutional', but these networks read images"):
        penjing.search(
            "vector-classification",
            data=load_wine(return_X_y=True),
            space={"networks": "convolutional"},
            out=tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()
