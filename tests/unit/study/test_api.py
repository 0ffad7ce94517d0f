import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.study.designs import add_design, make_run

import penjing
from penjing.errors import ConfigError, DataError, InvalidValueError, RunFolderError
from penjing.store import RunFolder
from penjing.study import api
from penjing.study.budget import Budget, Span, parse_budget
from penjing.study.config import load_config
from penjing.study.progress import DATA, WARNING, Progress, warn
from penjing.study.study import Study

_work = api._work


class StoppedError(Exception):
    """As much of the run was done as the test needs."""


def stop(*_: Any) -> None:
    raise StoppedError


def arrays(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """40 images ``[40, 8, 8]`` of two classes."""
    return np.random.default_rng(seed).integers(0, 256, (40, 8, 8), dtype=np.uint8), np.arange(40) % 2


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with one archive for each part; a run ends where its work would begin."""
    folder = tmp_path / "project"
    folder.mkdir()
    for seed, part in enumerate(("train", "test")):
        x, y = arrays(seed)
        np.savez(folder / f"{part}.npz", x=x, y=y)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(api, "_work", stop)
    return folder


def begun(out: Path, data: Any) -> Any:
    """The data that the configuration of a run names."""
    with pytest.raises(StoppedError):
        penjing.search(data=data, out=out)
    return load_config(out / "config.yaml").data


def test_paths_for_parts_are_named_in_the_configuration(paths: Path, tmp_path: Path) -> None:
    named = begun(tmp_path / "run", {"train": "train.npz", "test": Path("test.npz")})
    assert named == {"train": str(paths / "train.npz"), "test": str(paths / "test.npz")}


def test_a_run_with_named_paths_is_resumed_from_another_folder(
    paths: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_data = api.keep_data
    monkeypatch.setattr(api, "keep_data", stop)
    begun(tmp_path / "run", {"train": "train.npz", "test": "test.npz"})
    monkeypatch.setattr(api, "keep_data", keep_data)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoppedError):
        api.resume(tmp_path / "run")
    assert len(np.load(tmp_path / "run" / "cache" / "test_y.npy")) == 40


def test_a_path_is_named_as_it_is_found_from_any_folder(paths: Path, tmp_path: Path) -> None:
    assert begun(tmp_path / "text", "train.npz") == str(paths / "train.npz")
    assert begun(tmp_path / "path", Path("train.npz")) == str(paths / "train.npz")


def test_a_path_may_count_from_home(paths: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(paths))
    assert begun(tmp_path / "run", Path("~/train.npz")) == str(paths / "train.npz")


def test_a_name_stays_a_name(paths: Path, tmp_path: Path) -> None:
    (paths / "digits").mkdir()
    assert begun(tmp_path / "run", "digits") == "digits"


@pytest.mark.usefixtures("paths")
def test_arrays_are_not_named(tmp_path: Path) -> None:
    x, y = arrays(0)
    for n, data in enumerate([(x, y), {"x": x, "y": y}, {"train": (x, y)}]):
        assert begun(tmp_path / str(n), data) == "arrays"


@pytest.mark.usefixtures("paths")
def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"No file or folder '.*none\.npz'"):
        penjing.search(data={"train": "train.npz", "test": "none.npz"}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_of_another_version_is_not_gone_on_with_in_another_space(
    paths: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(tmp_path / "run", "train.npz")
    with RunFolder.open(tmp_path / "run").journal() as journal:
        journal.ask(7, "joint", "inherited", {"stem.width": 5}, "of before")
    monkeypatch.setattr(api, "_work", _work)
    with pytest.raises(RunFolderError, match=r"another version of Penjing.*evaluation 7 is none"):
        api.resume(tmp_path / "run")


def test_more_budget_is_not_kept_by_a_resume_that_is_refused(
    paths: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(tmp_path / "run", "train.npz")
    with RunFolder.open(tmp_path / "run").journal() as journal:
        journal.ask(7, "joint", "inherited", {"stem.width": 5}, "of before")
        before = journal.get("budget")
    monkeypatch.setattr(api, "_work", _work)
    for _ in range(2):
        with pytest.raises(RunFolderError):
            penjing.resume(tmp_path / "run", "+1 min")
    with RunFolder.open(tmp_path / "run").journal(read_only=True) as journal:
        assert journal.get("budget") == before
        assert journal.get("extension") is None


@pytest.mark.parametrize("error", [InvalidValueError("a full disk"), UserWarning("as an error")])
def test_more_budget_is_given_back_where_nothing_of_it_was_used(
    error: Exception, paths: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(tmp_path / "run", "train.npz")
    monkeypatch.setattr(api, "_work", _work)
    spans: list[Span] = []

    def fail(study: Study) -> None:
        spans.append(study.span)
        raise error

    monkeypatch.setattr(Study, "work", fail)
    for budget in ("+7 min", "+1 min", None):
        with pytest.raises(type(error)):
            penjing.resume(tmp_path / "run", budget)
    first, second, plain = spans
    assert first.seconds is not None
    assert second.seconds is not None
    assert first.seconds == pytest.approx(second.seconds + 360, abs=1)
    assert plain == Span(600.0, None, 0)
    with RunFolder.open(tmp_path / "run").journal(read_only=True) as journal:
        assert parse_budget(journal.get("budget")) == Budget(seconds=600.0)
        assert journal.get("extension") == 0


@pytest.mark.usefixtures("paths")
@pytest.mark.parametrize(
    "said", [{"search": "joint"}, {"constraints": 5}, {"objectives": None}, {"budget": 10}]
)
def test_what_has_another_type_is_refused_in_words(said: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        penjing.search(data="train.npz", out=tmp_path / "run", **said)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("paths")
def test_a_configuration_of_a_run_with_arrays_names_no_data(tmp_path: Path) -> None:
    begun(tmp_path / "first", arrays(0))
    with pytest.raises(ConfigError, match="Name data that are on disk"):
        api.run_study(load_config(tmp_path / "first" / "config.yaml"), tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.usefixtures("paths")
def test_what_is_said_twice_is_refused_if_it_is_not_the_same(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="contradict each other"):
        penjing.search(data="digits", mode="sequential", search={"mode": "joint"}, out=tmp_path / "run")
    for at, said in enumerate(({"mode": "sequential"}, {"carry": 3, "mode": "sequential"})):
        with pytest.raises(StoppedError):
            penjing.search(data="digits", mode="sequential", search=said, out=tmp_path / str(at))
    with pytest.raises(StoppedError):
        penjing.search(data="digits", search={"mode": "sequential"}, out=tmp_path / "setting")
    assert load_config(tmp_path / "setting" / "config.yaml").search.mode == "sequential"


@pytest.mark.usefixtures("paths")
def test_one_constraint_and_one_objective_need_no_list(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        penjing.search(
            data="digits", constraints="size_bytes <= 20 kB", objectives="accuracy", out=tmp_path / "run"
        )
    config = load_config(tmp_path / "run" / "config.yaml")
    assert config.constraints == ["size_bytes <= 20 kB"]
    assert config.objectives == ["accuracy"]


def test_a_run_is_looked_at_without_going_on(tmp_path: Path) -> None:
    add_design(make_run(tmp_path / "run"), "quick")
    result = penjing.load(tmp_path / "run")
    assert [entry["id"] for entry in result.front] == ["quick"]
    assert result.stopped_by is None


def test_who_does_not_watch_is_warned() -> None:
    def told(phase: str, message: str) -> Progress:
        return Progress(phase, 0.0, None, 0, 0, 0.0, None, message)

    warn(told("joint", "evaluation 12"))
    with pytest.warns(UserWarning, match="^20 images are identical$"):
        warn(told(DATA, "Warning: 20 images are identical"))
    with pytest.warns(UserWarning, match="^no better than chance$"):
        warn(told("joint", f"{WARNING}no better than chance"))
    assert inspect.signature(penjing.search).parameters["observe"].default is warn


@pytest.mark.usefixtures("paths")
def test_an_observer_that_cannot_be_called_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="observe must be a function"):
        penjing.search(data="train.npz", out=tmp_path / "run", observe="x")  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="observe must be a function"):
        penjing.resume(tmp_path / "run", observe="x")  # type: ignore[arg-type]
