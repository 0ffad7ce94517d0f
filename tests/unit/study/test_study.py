"""Whatever ends a run, its workers end with it."""

from pathlib import Path

import pytest
from tests.unit.study.small_study import small_study

from penjing.study.finish import Finisher


class BrokenError(Exception):
    """Nobody expected this."""


def broken(*_: object) -> None:
    raise BrokenError


def test_workers_do_not_outlive_a_run_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    with small_study(tmp_path / "run") as study:
        monkeypatch.setattr(study.executor, "close", lambda: closed.append(True))
        monkeypatch.setattr(Finisher, "prepare", broken)
        with pytest.raises(BrokenError):
            study.work()
        assert closed == [True]
