"""The reference network is trained where a constraint names its accuracy, and once."""

from pathlib import Path

import pytest
from tests.unit.study.small_study import small_study

from penjing.study.finish import Finisher
from penjing.study.study import Study

SHORT = {"finalists": {"epochs": 3.0}, "training": {"mirror": False, "batch_size": 64}}


def finisher_of(study: Study) -> Finisher:
    return Finisher(study.run_folder, study.journal, study.config, study.pipeline)


def test_a_constraint_relative_to_its_accuracy_has_it_trained_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_study(tmp_path / "run", constraints=["accuracy >= reference - 2 %"], **SHORT) as study:
        study._prepare(finisher_of(study))
        accuracy = study.journal.get("reference")["accuracy"]
        assert accuracy > 0.5
        assert [c.limit for c in study.known_constraints()] == [pytest.approx(accuracy - 0.02)]
        with monkeypatch.context() as patch:
            patch.setattr(study.executor, "map", lambda jobs: pytest.fail("trained again"))
            study._train_reference(study.pipeline.reference())


def test_it_is_not_trained_for_its_size(tmp_path: Path) -> None:
    with small_study(tmp_path / "run", constraints=["size_bytes <= 2 * reference"], **SHORT) as study:
        study._prepare(finisher_of(study))
        assert "accuracy" not in study.journal.get("reference")
