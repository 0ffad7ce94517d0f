"""The journal: what a study decided, asked and learned, each entry committed before its call returns.

Call order of a study::

    with folder.lock(), folder.journal() as journal:
        threads = journal.put_once("threads", 1)        # a resumed run uses what the first one chose
        journal.begin_phase("joint", index=0)
        for trial in journal.trials(state="asked"): ...  # in flight when the last process died: once more
        number = journal.next_number()
        journal.ask(number, "joint", "inherited", candidate, key)
        journal.tell(number, "done", {"latency_ms": 4.1}, seconds=2.0)
        journal.end_phase("joint")

One process writes, from any of its threads; any number may read meanwhile (``read_only=True``). Everything
survives ``kill -9``; :mod:`penjing.store.database` says why.
"""

import json
import math
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, Self

from penjing.errors import InvalidValueError, RunFolderError
from penjing.store.database import Database
from penjing.store.files import canonical_json
from penjing.store.format_version import check_format_version
from penjing.store.records import TOLD_STATES, TRIAL_STATES, Event, Phase, Trial

JOURNAL_FORMAT_VERSION = 1

_TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    "CREATE TABLE fact (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE trial (
        number INTEGER PRIMARY KEY, phase TEXT NOT NULL, fidelity TEXT NOT NULL, candidate TEXT NOT NULL,
        key TEXT NOT NULL, state TEXT NOT NULL, measurements TEXT NOT NULL, seconds REAL, error TEXT,
        asked_at REAL NOT NULL, told_at REAL)""",
    """CREATE TABLE phase (
        name TEXT PRIMARY KEY, place INTEGER NOT NULL UNIQUE, began_at REAL NOT NULL, ended_at REAL)""",
    """CREATE TABLE event (
        number INTEGER PRIMARY KEY, kind TEXT NOT NULL, at REAL NOT NULL, facts TEXT NOT NULL)""",
)


_TRIAL_COLUMNS = tuple(field.name for field in fields(Trial))


class Journal:
    """The record of one run; use :meth:`create` or :meth:`open`, and close it (it is a context manager).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Journal.create(f"{folder}/journal.db") as journal:
        ...     journal.ask(0, "joint", "inherited", {"width": 8}, key="a1")
        ...     journal.tell(0, "done", {"latency_ms": 4.1}, seconds=2.0)
        ...     [(trial.number, trial.measurements) for trial in journal.trials(state="done")]
        [(0, {'latency_ms': 4.1})]
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, Trial] = {}
        self._is_current = False

    @classmethod
    def create(cls, path: str | Path) -> Self:
        """Make an empty journal.

        It is built under a temporary name, so that a kill leaves a complete journal or none.

        Raises:
            RunFolderError: If there is a file already, or it cannot be made.
        """
        path = Path(path)
        if path.exists():
            raise RunFolderError(
                f"{path} exists already. A journal is never overwritten. "
                f"Choose another folder (--out), or continue the run: penjing resume {path.parent}",
                path=str(path),
            )
        unfinished = path.with_name(".penjing-journal.tmp")
        for leftover in unfinished.parent.glob(f"{unfinished.name}*"):
            leftover.unlink()
        database = Database(unfinished, "new")
        try:
            with database.transaction():
                for table in _TABLES:
                    database.rows(table)
                database.rows("INSERT INTO meta VALUES ('format_version', ?)", JOURNAL_FORMAT_VERSION)
        finally:
            database.close()
        unfinished.rename(path)
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path, read_only: bool = False) -> Self:
        """Open a journal that exists.

        Raises:
            RunFolderError: If there is none, or the file is damaged.
            FormatVersionError: If it is of a version that this Penjing does not know.
        """
        path = Path(path)
        if not path.is_file():
            raise RunFolderError(
                f"No journal is at {path}. Name the folder of a run, the one given as --out.", path=str(path)
            )
        database = Database(path, "read" if read_only else "write")
        try:
            check_format_version(path, _format_version(database), JOURNAL_FORMAT_VERSION)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Facts

    def put(self, key: str, value: Any) -> None:
        """Keep a fact of the run, replacing an earlier one; ``value`` is what JSON can write."""
        self.put_all({key: value})

    def put_all(self, facts: Mapping[str, Any]) -> None:
        """Keep several facts, all or none."""
        texts = {key: canonical_json(value) for key, value in facts.items()}
        with self._database.transaction():
            for key, text in texts.items():
                self._database.rows("INSERT OR REPLACE INTO fact VALUES (?, ?)", key, text)

    def put_once(self, key: str, value: Any) -> Any:
        """Keep a fact unless it is decided already; return what holds from now on."""
        text = canonical_json(value)
        with self._database.transaction():
            self._database.rows("INSERT OR IGNORE INTO fact VALUES (?, ?)", key, text)
            return json.loads(self._database.rows("SELECT value FROM fact WHERE key = ?", key)[0][0])

    def get(self, key: str, default: Any = None) -> Any:
        """Return a fact, or ``default`` if it is not decided."""
        found = self._database.rows("SELECT value FROM fact WHERE key = ?", key)
        return json.loads(found[0][0]) if found else default

    # Trials

    def ask(self, number: int, phase: str, fidelity: str, candidate: dict[str, Any], key: str) -> None:
        """Record that a candidate is about to be evaluated.

        Asking the same again, after a kill, changes nothing.

        Args:
            number: Which ask of the study; see :meth:`next_number`.
            phase: Name of the phase.
            fidelity: ``inherited``, ``rung`` or ``final``.
            candidate: The assignment, as plain data.
            key: Its content key.

        Raises:
            RunFolderError: If this number was asked with another key, phase or fidelity: the run would not
                be the one that was begun.
            InvalidValueError: If the number is negative or the candidate is not plain data.
        """
        if number < 0:
            raise InvalidValueError(
                f"number must be 0 or more, got {number}. Use next_number().", number=number
            )
        text = canonical_json(candidate)
        asked = {"phase": phase, "fidelity": fidelity, "key": key}
        with self._database.transaction():
            known = self._database.rows("SELECT phase, fidelity, key FROM trial WHERE number = ?", number)
            if not known:
                self._database.rows(
                    "INSERT INTO trial VALUES (?, ?, ?, ?, ?, 'asked', '{}', NULL, NULL, ?, NULL)",
                    *(int(number), phase, fidelity, text, key, time.time()),
                )
                self._is_current = False
                return
        before = dict(zip(asked, known[0], strict=True))
        if before != asked:
            name = next(name for name in asked if asked[name] != before[name])
            raise RunFolderError(
                f"Trial {number} is asked with {name} {asked[name]!r}; the journal has {before[name]!r}. "
                "A resumed run must ask as it did before. "
                "Resume with the same configuration, seed and version of Penjing, or start a new run.",
                number=number,
                asked=asked,
                journalled=before,
            )

    def tell(
        self,
        number: int,
        state: Literal["done", "failed"],
        measurements: dict[str, Any],
        seconds: float,
        error: str | None = None,
    ) -> None:
        """Record what came of a trial; it may be told to others once this returned.

        Args:
            number: Which trial.
            state: How it ended.
            measurements: Values by name with unit, ``{"latency_ms": 4.1}``; may be empty.
            seconds: What the evaluation took.
            error: Why it failed.

        Raises:
            RunFolderError: If the trial was never asked, or has been told.
            InvalidValueError: If the state is unknown, or a value is not finite or not plain data.
        """
        if state not in TOLD_STATES:
            raise InvalidValueError(
                f"state must be one of {', '.join(TOLD_STATES)}, got {state!r}. Say how the trial ended.",
                state=state,
            )
        text = canonical_json(measurements)
        _check_seconds(seconds)
        with self._database.transaction():
            known = self._database.rows("SELECT state FROM trial WHERE number = ?", number)
            if not known:
                raise RunFolderError(
                    f"Trial {number} is told but was never asked. Call ask({number}, ...) first.",
                    number=number,
                )
            if known[0][0] != "asked":
                raise RunFolderError(
                    f"Trial {number} is told as {state!r} but was told as {known[0][0]!r} before. "
                    "A trial is told once. Tell only what trials(state='asked') lists.",
                    number=number,
                    state=known[0][0],
                )
            self._database.rows(
                "UPDATE trial SET state = ?, measurements = ?, seconds = ?, error = ?, told_at = ? "
                "WHERE number = ?",
                *(state, text, float(seconds), error, time.time(), number),
            )
            self._is_current = False

    def trials(
        self, state: str | None = None, fidelity: str | None = None, phase: str | None = None
    ) -> list[Trial]:
        """Return the trials that match all that is given, by number; their data are not to be changed."""
        if state is not None and state not in TRIAL_STATES:
            raise InvalidValueError(
                f"state must be one of {', '.join(TRIAL_STATES)}, got {state!r}. Leave it out for all.",
                state=state,
            )
        return [
            trial
            for trial in self._trials().values()
            if (state is None or trial.state == state)
            and (fidelity is None or trial.fidelity == fidelity)
            and (phase is None or trial.phase == phase)
        ]

    def _trials(self) -> dict[int, Trial]:
        """All trials by number: who writes keeps them in memory, who reads looks for what is new."""
        if not self._is_current:
            known = self._known
            rows = self._database.rows("SELECT number, state FROM trial ORDER BY number")
            for number, state in rows:
                if number not in known or known[number].state != state:
                    self._read_trial(number)
            self._known = {number: known[number] for number, _ in rows}
            self._is_current = not self._database.read_only
        return self._known

    def _read_trial(self, number: int) -> None:
        columns = ", ".join(_TRIAL_COLUMNS)
        row = self._database.rows(f"SELECT {columns} FROM trial WHERE number = ?", number)[0]
        self._known[number] = _trial(row)

    def next_number(self) -> int:
        """Return the number of the next new trial: one more than the largest asked."""
        return self._database.rows("SELECT coalesce(max(number) + 1, 0) FROM trial")[0][0]

    # Phases

    def begin_phase(self, name: str, index: int) -> None:
        """Record that a phase begins; beginning it again, after a kill, changes nothing.

        Raises:
            RunFolderError: If the journal has this phase at another index, or another phase at this index.
        """
        with self._database.transaction():
            self._database.rows(
                "INSERT OR IGNORE INTO phase VALUES (?, ?, ?, NULL)", name, index, time.time()
            )
            places = self._database.rows(
                "SELECT name, place FROM phase WHERE name = ? OR place = ?", name, index
            )
            for known_name, known_index in places:
                if (known_name, known_index) != (name, index):
                    raise RunFolderError(
                        f"Phase {name!r} begins at index {index}; "
                        f"the journal has {known_name!r} at {known_index}. "
                        "A resumed run has the phases it was begun with. "
                        "Restore the configuration, or start a new run.",
                        name=name,
                        index=index,
                    )

    def end_phase(self, name: str) -> None:
        """Record that a phase has ended; the first end counts.

        Raises:
            RunFolderError: If it never began.
        """
        with self._database.transaction():
            if not self._database.rows(
                "UPDATE phase SET ended_at = coalesce(ended_at, ?) WHERE name = ? RETURNING name",
                *(time.time(), name),
            ):
                raise RunFolderError(
                    f"Phase {name!r} never began. Call begin_phase({name!r}, index) first.", name=name
                )

    def phases(self) -> list[Phase]:
        """Return the phases that have begun, by index."""
        rows = self._database.rows("SELECT name, place, began_at, ended_at FROM phase ORDER BY place")
        return [Phase(*row) for row in rows]

    # Time series

    def event(self, kind: str, /, **facts: Any) -> None:
        """Add a point to the time series of this kind: ``event("front_changed", hypervolume=0.7)``."""
        text = canonical_json(facts)
        with self._database.transaction():
            self._database.rows("INSERT INTO event VALUES (NULL, ?, ?, ?)", kind, time.time(), text)

    def events(self, kind: str | None = None) -> list[Event]:
        """Return the events of a kind, or all, in the order they were added."""
        where, parameters = ("", ()) if kind is None else ("WHERE kind = ?", (kind,))
        rows = self._database.rows(
            f"SELECT number, kind, at, facts FROM event {where} ORDER BY number", *parameters
        )
        return [Event(number, kind, at, json.loads(facts)) for number, kind, at, facts in rows]


def _trial(row: tuple[Any, ...]) -> Trial:
    columns = dict(zip(_TRIAL_COLUMNS, row, strict=True))
    decoded = {name: json.loads(columns[name]) for name in ("candidate", "measurements")}
    return Trial(**{**columns, **decoded})


def _format_version(database: Database) -> Any:
    try:
        found = database.rows("SELECT value FROM meta WHERE name = 'format_version'")
    except sqlite3.OperationalError:  # no such table
        return None
    return found[0][0] if found else None


def _check_seconds(seconds: float) -> None:
    if not (math.isfinite(seconds) and seconds >= 0):
        raise InvalidValueError(
            f"seconds must be finite and not negative, got {seconds}. Use time.monotonic() differences.",
            seconds=seconds,
        )
