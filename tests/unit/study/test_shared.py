from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.unit.study.small_study import small_study

from penjing.study import shared
from penjing.study.training_precision import decide_training_precision
from penjing.training import Checkpoint

SHORT = {"search": {"train_on": "supernet", "supernet_epochs": 0.3}, "training": {"batch_size": 64}}


class Killed(BaseException):
    """Stands for a process that is gone."""


@pytest.fixture(autouse=True)
def _few_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_POOL", 40)


def train(folder: Path) -> tuple[bytes, dict[str, Any]]:
    with small_study(folder, **SHORT) as study:
        study.workers = 2
        decide_training_precision(study, study.pipeline.family.covering(list(study.pipeline.space))[0])
        before = torch.get_num_threads()
        try:
            shared.train_shared(study)
        finally:
            assert torch.get_num_threads() == before
        weights = study.run_folder.weights_path / "supernet.safetensors"
        return weights.read_bytes(), study.journal.get("shared training")


def test_a_killed_shared_training_leaves_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train(tmp_path / "undisturbed")
    checkpoint = tmp_path / "killed" / "cache" / "shared_training.safetensors"

    def keep(self: Checkpoint, *state: Any) -> None:
        plain_keep(self, *state)
        raise Killed

    plain_keep = Checkpoint.keep
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "keep", keep)
        patch.setattr(Checkpoint, "is_due", lambda self, elapsed_s: True)
        for _ in range(2):
            with pytest.raises(Killed):
                train(tmp_path / "killed")
            assert checkpoint.exists()
    assert train(tmp_path / "killed") == expected
    assert not checkpoint.exists()


def test_weights_that_are_there_are_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train(tmp_path / "run")
    leftover = tmp_path / "run" / "cache" / "shared_training.safetensors"
    leftover.write_bytes(b"of a process killed after the weights were kept")
    monkeypatch.setattr(shared, "_trained", lambda *arguments: pytest.fail("trained again"))
    assert train(tmp_path / "run") == expected
    assert not leftover.exists()


@pytest.mark.parametrize(
    ("n_train", "said", "epochs"),
    [(54_000, {}, 12.0), (1_149, {}, 148.0), (1_149, {"supernet_epochs": 2.0}, 2.0)],
)
def test_few_images_are_passed_more_often(
    tmp_path: Path, n_train: int, said: dict[str, float], epochs: float
) -> None:
    with small_study(tmp_path, search={"train_on": "supernet", **said}) as study:
        study.facts = replace(study.facts, n_train=n_train)
        study.journal.put("training precision", {"precision": "fp32", "step_ms": {}})
        recipe = shared.shared_recipe(study)
    assert (recipe.epochs, recipe.batch_size) == (epochs, 64)
