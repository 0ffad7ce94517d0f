"""The journal: every rule of ask and tell, and that a kill takes nothing that was committed."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penjing.errors import FormatVersionError, InvalidValueError, RunFolderError
from penjing.store import Event, Journal, database
from penjing.store.database import _opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.create(path) as journal:
        yield journal


def ask(journal: Journal, number: int, **changes: Any) -> None:
    given = {"phase": "joint", "fidelity": "inherited", "candidate": {"width": number}, "key": f"k{number}"}
    journal.ask(number, **{**given, **changes})


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


# Opening


def test_the_journal_is_in_write_ahead_mode(journal: Journal, path: Path) -> None:
    journal.put("a", 1)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert path.with_name("journal.db-wal").exists()


def test_a_closed_journal_is_one_file(journal: Journal, path: Path) -> None:
    journal.put("a", 1)
    journal.close()
    journal.close()
    assert [entry.name for entry in path.parent.iterdir()] == ["journal.db"]


def test_a_journal_is_never_overwritten(journal: Journal, path: Path) -> None:
    with pytest.raises(RunFolderError, match=f"journal.db exists already.* penjing resume {path.parent}"):
        Journal.create(path)


def test_what_a_killed_creation_left_is_replaced(path: Path) -> None:
    for name in (".penjing-journal.tmp", ".penjing-journal.tmp-wal"):
        path.with_name(name).write_bytes(b"half")
    with Journal.create(path) as journal:
        assert journal.next_number() == 0


def test_no_journal_is_made_by_opening(path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"No journal is at .*journal\.db"):
        Journal.open(path)
    assert not path.exists()


def test_a_journal_in_no_folder_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="cannot be read or written: unable to open database file"):
        Journal.create(tmp_path / "absent" / "journal.db")


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be read as a header" * 20])
def test_another_file_is_not_taken_for_a_journal(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(RunFolderError, match=r"journal\.db is damaged or no journal: file is not a database"):
        Journal.open(path)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("UPDATE meta SET value = 7", "has format_version 7, from a newer Penjing; this one reads 1"),
        ("DELETE FROM meta", "has format_version None; this Penjing reads 1"),
        ("DROP TABLE meta", "has format_version None"),
    ],
)
def test_an_unknown_format_is_not_opened(journal: Journal, path: Path, sql: str, message: str) -> None:
    journal.close()
    change(path, sql)
    with pytest.raises(FormatVersionError, match=message):
        Journal.open(path)


def test_a_path_may_have_any_characters(tmp_path: Path) -> None:
    path = tmp_path / "100%?mode=ro#盆景.db"
    with Journal.create(path) as journal:
        journal.put("a", 1)
    assert path.exists()


def test_readers_see_what_is_committed_and_write_nothing(journal: Journal, path: Path) -> None:
    with Journal.open(path, read_only=True) as reader:
        ask(journal, 0)
        assert [trial.number for trial in reader.trials()] == [0]
        with pytest.raises(RunFolderError, match=r"journal\.db was opened read_only=True"):
            reader.put("a", 1)


def test_a_second_writer_is_told_so(journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penjing.store.database._BUSY_TIMEOUT_S", 0.05)
    with Journal.open(path) as other, closing(sqlite3.connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(RunFolderError, match=r"journal\.db is being written by another process"):
            other.put("a", 1)
        connection.rollback()
        other.put("a", 2)
    assert journal.get("a") == 2


def test_a_full_disk_undoes_the_call_and_says_how_to_go_on(journal: Journal) -> None:
    journal.put("a", "kept")
    pages = journal._database.rows("PRAGMA page_count")[0][0]
    journal._database.rows(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(
        RunFolderError, match=r"The disk is full: .*journal\.db needs more space, \d+ bytes are free"
    ):
        journal.put("a", "x" * 100_000)
    assert journal.get("a") == "kept"
    journal._database.rows("PRAGMA max_page_count = 1000000")
    journal.put("a", "x" * 100_000)
    assert journal.get("a") == "x" * 100_000


def test_a_forked_process_may_not_use_it(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_by = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: 99)
    for use in (lambda: journal.trials(state="asked"), lambda: journal.put("a", 1)):
        with pytest.raises(
            RunFolderError, match=f"was opened by process {opened_by} and is used by its child 99"
        ):
            use()


def test_threads_may_share_it(journal: Journal) -> None:
    def work(first: int) -> None:
        for number in range(first, 60, 3):
            ask(journal, number)
            journal.tell(number, "done", {}, seconds=0)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal.trials(state="done")) == 60


# Facts and small results


def test_a_fact_is_decided_once(journal: Journal, path: Path) -> None:
    assert journal.get("threads", default=4) == 4
    assert journal.put_once("threads", 2) == 2
    journal.close()
    with Journal.open(path) as resumed:
        assert resumed.put_once("threads", 8) == 2
        resumed.put("threads", [1, None, {"a": 0.1}])
        assert resumed.get("threads") == [1, None, {"a": 0.1}]


# Trials


def test_a_trial_is_asked_then_told(journal: Journal) -> None:
    before = time.time()
    ask(journal, 0, candidate={"width": np.int64(8), "kernel": (3, 3)})
    (asked,) = journal.trials(state="asked")
    assert (asked.state, asked.measurements, asked.seconds, asked.error, asked.told_at) == (
        "asked",
        {},
        None,
        None,
        None,
    )
    assert asked.candidate == {"width": 8, "kernel": [3, 3]}
    journal.tell(0, "done", {"latency_ms": 0.1 + 0.2, "accuracy": 0.9}, seconds=2)
    (told,) = journal.trials()
    assert (told.number, told.phase, told.fidelity, told.key) == (0, "joint", "inherited", "k0")
    assert (told.state, told.measurements, told.seconds) == (
        "done",
        {"latency_ms": 0.1 + 0.2, "accuracy": 0.9},
        2.0,
    )
    assert told.told_at is not None
    assert before <= told.asked_at <= told.told_at <= time.time()
    assert journal.trials(state="asked") == []


def test_trials_are_found_by_all_that_is_given_and_come_by_number(journal: Journal) -> None:
    for number in (3, 1, 2, 0):
        ask(
            journal,
            number,
            fidelity="final" if number == 2 else "inherited",
            phase="late" if number > 1 else "early",
        )
    journal.tell(2, "failed", {}, seconds=1, error="out of memory")
    journal.tell(1, "done", {}, seconds=0)
    assert [trial.number for trial in journal.trials()] == [0, 1, 2, 3]
    assert [trial.number for trial in journal.trials(phase="late")] == [2, 3]
    assert [trial.number for trial in journal.trials(phase="late", fidelity="inherited")] == [3]
    assert [trial.error for trial in journal.trials(state="failed")] == ["out of memory"]
    assert [trial.number for trial in journal.trials(state="asked")] == [0, 3]
    with pytest.raises(InvalidValueError, match="state must be one of asked, done, failed, got 'open'"):
        journal.trials(state="open")


def test_the_next_number_is_one_more_than_the_largest(journal: Journal) -> None:
    assert journal.next_number() == 0
    ask(journal, 4)
    assert journal.next_number() == 5


def test_asking_the_same_again_changes_nothing(journal: Journal) -> None:
    ask(journal, 0)
    asked = journal.trials()
    ask(journal, 0)
    assert journal.trials() == asked
    journal.tell(0, "done", {"accuracy": 1.0}, seconds=1)
    ask(journal, 0)
    assert journal.trials(state="done")[0].measurements == {"accuracy": 1.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key": "other"}, "Trial 0 is asked with key 'other'; the journal has 'k0'"),
        ({"fidelity": "final"}, "Trial 0 is asked with fidelity 'final'; the journal has 'inherited'"),
        ({"phase": "late"}, "Trial 0 is asked with phase 'late'; the journal has 'joint'"),
    ],
)
def test_asking_something_else_under_a_number_is_refused(
    journal: Journal, changes: dict[str, str], message: str
) -> None:
    ask(journal, 0)
    with pytest.raises(RunFolderError, match=message):
        ask(journal, 0, **changes)


def test_a_trial_is_told_once_and_only_after_it_was_asked(journal: Journal) -> None:
    with pytest.raises(RunFolderError, match=r"Trial 3 is told but was never asked. Call ask\(3"):
        journal.tell(3, "done", {}, seconds=1)
    ask(journal, 3)
    journal.tell(3, "failed", {}, seconds=1)
    with pytest.raises(RunFolderError, match="Trial 3 is told as 'done' but was told as 'failed' before"):
        journal.tell(3, "done", {}, seconds=1)
    assert journal.trials()[0].state == "failed"


def test_wrong_values_are_refused_and_leave_no_trace(journal: Journal) -> None:
    with pytest.raises(InvalidValueError, match=r"number must be 0 or more, got -1"):
        ask(journal, -1)
    ask(journal, 0)
    with pytest.raises(InvalidValueError, match="state must be one of done, failed, got 'asked'"):
        journal.tell(0, "asked", {}, seconds=1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidValueError, match=r"\['accuracy'\] is nan"):
        journal.tell(0, "done", {"accuracy": float("nan")}, seconds=1)
    with pytest.raises(InvalidValueError, match=r"seconds must be finite and not negative, got -0\.5"):
        journal.tell(0, "done", {}, seconds=-0.5)
    assert len(journal.trials(state="asked")) == 1


# Phases, time and events


def test_phases_survive_a_restart(journal: Journal, path: Path) -> None:
    journal.begin_phase("joint", 0)
    journal.close()
    with Journal.open(path) as resumed:
        (before,) = resumed.phases()
        resumed.begin_phase("joint", 0)
        assert resumed.phases() == [before]
        assert before.ended_at is None
        resumed.end_phase("joint")
        resumed.begin_phase("final", 1)
        ended = resumed.phases()[0].ended_at
        resumed.end_phase("joint")
        assert [(phase.name, phase.index) for phase in resumed.phases()] == [("joint", 0), ("final", 1)]
        assert resumed.phases()[0].ended_at == ended is not None


def test_phases_are_those_the_run_was_begun_with(journal: Journal) -> None:
    journal.begin_phase("joint", 0)
    with pytest.raises(RunFolderError, match="Phase 'joint' begins at index 1; the journal has 'joint' at 0"):
        journal.begin_phase("joint", 1)
    with pytest.raises(RunFolderError, match="Phase 'other' begins at index 0; the journal has 'joint' at 0"):
        journal.begin_phase("other", 0)
    assert len(journal.phases()) == 1


def test_a_phase_that_never_began_does_not_end(journal: Journal) -> None:
    with pytest.raises(
        RunFolderError, match=r"Phase 'joint' never began. Call begin_phase\('joint', index\) first"
    ):
        journal.end_phase("joint")


def test_events_come_in_order_and_by_kind(journal: Journal) -> None:
    journal.event("front", hypervolume=0.5)
    journal.event("bandit", arm="width", kind="a fact of that name")
    journal.event("front", hypervolume=np.float64(0.75))
    assert [event.facts for event in journal.events("front")] == [{"hypervolume": 0.5}, {"hypervolume": 0.75}]
    assert [event.number for event in journal.events()] == [1, 2, 3]
    (bandit,) = journal.events("bandit")
    assert isinstance(bandit, Event)
    assert bandit.facts == {"arm": "width", "kind": "a fact of that name"}
    assert abs(bandit.at - time.time()) < 60


# Kill


WORKER = """
import sys
from pathlib import Path
from penjing.store import Journal, content_key

path = Path(sys.argv[1])
with (Journal.open if path.exists() else Journal.create)(path) as journal:
    journal.begin_phase("joint", 0)
    resumed = [trial.number for trial in journal.trials(state="asked")]
    print("began", len(resumed), flush=True)
    first = journal.next_number()
    for number in [*resumed, *range(first, first + 100_000)]:
        candidate = {"width": number % 7, "note": "x" * 300}
        journal.ask(number, "joint", "inherited", candidate, content_key(candidate))
        print("asked", number, flush=True)
        journal.tell(number, "done", {"accuracy": number / 7}, seconds=0.5)
        print("told", number, flush=True)
"""


def test_a_kill_at_any_moment_takes_nothing_that_was_committed(path: Path) -> None:
    moments = random.Random(0)
    asked: set[int] = set()
    told: set[int] = set()
    for _ in range(8):
        command = [sys.executable, "-c", WORKER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            killer = threading.Timer(moments.uniform(0.01, 0.3), worker.kill)
            lines = [worker.stdout.readline()]
            killer.start()
            lines += worker.stdout.read().splitlines(keepends=True)
            killer.join()
        assert worker.returncode == -9
        whole = [line.split() for line in lines if line.endswith("\n")]
        assert whole[0][0] == "began"
        assert int(whole[0][1]) <= 1
        asked |= {int(number) for word, number in whole if word == "asked"}
        told |= {int(number) for word, number in whole if word == "told"}

        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with Journal.open(path) as journal:
            trials = {trial.number: trial for trial in journal.trials()}
            done = {trial.number for trial in journal.trials(state="done")}
            assert asked <= trials.keys()
            assert told <= done
            assert all(trials[number].measurements == {"accuracy": number / 7} for number in done)
            # What was committed and not yet printed is one call at most per life.
            assert len(journal.trials(state="asked")) <= 1
            assert sorted(trials) == list(range(len(trials)))
    assert len(told) > 20


class Refusing:
    """Refuses to open a file as SQLite does in a folder that one may not write."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.modes: list[str] = []

    def __call__(self, path: Path, mode: str) -> sqlite3.Connection:
        self.modes.append(mode)
        if mode != "ro":
            return _opened(path, mode)
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = self.code
        raise error


def test_a_journal_is_read_in_a_folder_that_one_may_not_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal.create(path) as journal:
        ask(journal, 0)
    refusing = Refusing(sqlite3.SQLITE_CANTOPEN)
    monkeypatch.setattr(database, "_opened", refusing)
    with Journal.open(path, read_only=True) as journal:
        assert [trial.number for trial in journal.trials()] == [0]
    assert refusing.modes == ["ro", "ro&immutable=1"]


@pytest.mark.parametrize("reason", ["busy", "at work"])
def test_a_journal_that_may_be_written_meanwhile_is_not_read_like_that(
    path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    Journal.create(path).close()
    if reason == "at work":
        path.with_name(f"{path.name}-wal").write_bytes(b"what is not in the journal yet")
    code = sqlite3.SQLITE_BUSY if reason == "busy" else sqlite3.SQLITE_CANTOPEN
    monkeypatch.setattr(database, "_opened", Refusing(code))
    with pytest.raises(RunFolderError):
        Journal.open(path, read_only=True)
