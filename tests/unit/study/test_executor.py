"""Order, deaths and ends of the worker processes; the jobs are fake, the processes are not."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.study.fake_jobs import do, prepare

from penjing.study import executor
from penjing.study.config import StudyConfig
from penjing.study.executor import LocalExecutor
from penjing.study.jobs import Outcome
from penjing.study.pipeline import DataFacts

CONFIG = StudyConfig(data="digits")
FACTS = DataFacts((1, 8, 8), 10, 100, 80.0, 90.0, "f1")


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalExecutor]:
    monkeypatch.setattr(executor, "_do", do)
    monkeypatch.setattr(executor, "_prepare", prepare)
    made = LocalExecutor(tmp_path, CONFIG, FACTS, workers=2)
    made._arguments = ()  # pyright: ignore[reportAttributeAccessIssue] - read by nobody, and slow to import
    yield made
    made.close()


def job(tmp_path: Path, name: str, **more: Any) -> Any:
    return {"trace": str(tmp_path / "trace"), "name": name, **more}


def names(outcomes: list[Outcome]) -> list[Any]:
    return [outcome.facts.get("name", "died") for outcome in outcomes]


def test_answers_come_in_the_order_asked(pool: LocalExecutor, tmp_path: Path) -> None:
    jobs = [job(tmp_path, f"j{i}", seconds=0.2 if i == 0 else 0.0) for i in range(5)]
    outcomes = list(pool.map(jobs))
    assert names(outcomes) == ["j0", "j1", "j2", "j3", "j4"]
    assert os.getpid() not in {outcome.facts["pid"] for outcome in outcomes}


def test_who_ends_first_is_told_first(pool: LocalExecutor, tmp_path: Path) -> None:
    jobs = [job(tmp_path, "slow", seconds=1.0), job(tmp_path, "quick")]
    told = [(index, outcome.facts["name"]) for index, outcome in pool.as_completed(jobs)]
    assert told == [(1, "quick"), (0, "slow")]


def test_a_job_whose_worker_died_is_done_once_more(pool: LocalExecutor, tmp_path: Path) -> None:
    outcomes = list(pool.map([job(tmp_path, "a"), job(tmp_path, "b", dies="once"), job(tmp_path, "c")]))
    assert names(outcomes) == ["a", "b", "c"]
    assert not any(outcome.error for outcome in outcomes)


def test_only_the_job_that_kills_its_worker_fails(pool: LocalExecutor, tmp_path: Path) -> None:
    """Its neighbour is still at work when the pool breaks, and is not to blame."""
    slow = job(tmp_path, "slow", seconds=0.5)
    outcomes = list(pool.map([slow, job(tmp_path, "killer", dies="always"), job(tmp_path, "after")]))
    assert names(outcomes) == ["slow", "died", "after"]
    assert "died twice on this job" in outcomes[1].error
    assert "killer" in outcomes[1].error


def test_after_closing_the_workers_are_gone_and_may_be_started_again(
    pool: LocalExecutor, tmp_path: Path
) -> None:
    first = next(iter(pool.map([job(tmp_path, "a")]))).facts["pid"]
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert names(list(pool.map([job(tmp_path, "b")]))) == ["b"]


def test_an_interrupt_reaches_no_worker_however_young(pool: LocalExecutor, tmp_path: Path) -> None:
    """A terminal sends it to all; who is still importing would end with a traceback."""
    pool._submit(job(tmp_path, "a"))
    workers = (pool._pool._processes or {}) if pool._pool else {}
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGINT)
    assert names(list(pool.map([job(tmp_path, "b"), job(tmp_path, "c")]))) == ["b", "c"]
    assert all(process.is_alive() for process in workers.values())
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_decided_precision_reaches_every_later_workshop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[tuple[Any, ...]] = []

    class FakeWorkshop:
        def __init__(self, *arguments: Any) -> None:
            seen.append(arguments)

        do = staticmethod(do)

    monkeypatch.setattr(executor, "Workshop", FakeWorkshop)
    made = LocalExecutor(tmp_path, CONFIG, FACTS, workers=1)
    for precision in ("bf16", "fp32"):
        made.train_in(precision)
        list(made.map([job(tmp_path, "a"), job(tmp_path, "b")]))
    made.close()
    assert seen == [(tmp_path, CONFIG, FACTS, precision) for precision in ("bf16", "fp32")]


def test_workers_that_do_not_know_the_precision_are_ended(pool: LocalExecutor, tmp_path: Path) -> None:
    first = next(iter(pool.map([job(tmp_path, "a")]))).facts["pid"]
    pool.train_in("bf16")
    assert pool._arguments == ("bf16",)
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_one_worker_is_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class FakeWorkshop:
        def __init__(self, *arguments: Any) -> None:
            assert arguments == (tmp_path, CONFIG, FACTS)

        do = staticmethod(do)

    monkeypatch.setattr(executor, "Workshop", FakeWorkshop)
    made = LocalExecutor(tmp_path, CONFIG, FACTS, workers=1)
    outcomes = list(made.map([job(tmp_path, "a"), job(tmp_path, "b")]))
    made.close()
    assert names(outcomes) == ["a", "b"]
    assert {outcome.facts["pid"] for outcome in outcomes} == {os.getpid()}


def test_workers_do_not_run_the_script_that_searches(tmp_path: Path) -> None:
    """The five lines of README are a script without a guard."""
    script = tmp_path / "five_lines.py"
    script.write_text(
        "import penjing\n"
        "print('read')\n"
        "result = penjing.search(data='digits', budget='4 evaluations', out='run', workers=2,\n"
        "                        search={'epochs': 0.1}, finalists={'epochs': 0.1, 'count': 1})\n"
        "print(len(result.front))\n",
        encoding="utf-8",
    )
    ended = subprocess.run(
        [sys.executable, script.name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.stdout.split() == ["read", "1"], ended.stderr
