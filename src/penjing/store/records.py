"""What the journal tells: trials, phases and events, as plain frozen records."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

TrialState = Literal["asked", "done", "failed"]
TRIAL_STATES: tuple[TrialState, ...] = get_args(TrialState)
TOLD_STATES: tuple[TrialState, ...] = TRIAL_STATES[1:]


@dataclass(frozen=True)
class Trial:
    """One candidate at one fidelity, asked and perhaps told.

    Attributes:
        number: Which ask of the study, from 0.
        phase: Name of the phase that asked.
        fidelity: ``inherited``, ``rung`` (trained further, no files yet) or ``final``.
        candidate: The assignment, as plain data.
        key: Content key of the candidate.
        state: ``asked`` until told.
        measurements: Values by name with unit; empty until told.
        seconds: What the evaluation took; None until told.
        error: Why it failed, in the words of the error.
        asked_at: When first asked, in seconds since 1970 (UTC).
        told_at: When told, likewise; None until told.
    """

    number: int
    phase: str
    fidelity: str
    candidate: dict[str, Any]
    key: str
    state: TrialState
    measurements: dict[str, Any]
    seconds: float | None
    error: str | None
    asked_at: float
    told_at: float | None


@dataclass(frozen=True)
class Phase:
    """One phase of the study.

    Attributes:
        name: Its name, unique in the run.
        index: Its place in the list of phases, from 0.
        began_at: When it was first begun, in seconds since 1970 (UTC).
        ended_at: When it ended, likewise; None while it runs.
    """

    name: str
    index: int
    began_at: float
    ended_at: float | None


@dataclass(frozen=True)
class Event:
    """One point of a time series, for the report.

    Attributes:
        number: Place in the order of all events, from 1.
        kind: What sort: ``front_changed``.
        at: When, in seconds since 1970 (UTC).
        facts: The values.
    """

    number: int
    kind: str
    at: float
    facts: dict[str, Any]
