"""From the run folder to the page; what is missing is left out with a note, never a crash."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import yaml

from penjing.blas import one_blas_thread
from penjing.errors import PenjingError
from penjing.objectives import Constraint, expected_accuracy, saturation_epochs
from penjing.report.finished import compared, design_view
from penjing.report.page import DecisionRow, DesignView, Failure, Page, PhaseRow, Point, ProgressPoint, Worth
from penjing.report.worth import worth_of
from penjing.store import Journal, Manifest, RunFolder, Trial
from penjing.store.front import absolute_constraints, front_of, reference_of

_FACTS = (
    "facts",
    "notes",
    "class_names",
    "elapsed_s",
    "pace",
    "decisions",
    "ruled out",
    "binding",
    "algorithms",
    "no better than chance",
)


@one_blas_thread()
def read_page(run: RunFolder) -> Page:
    """Read everything that the report shows.

    Args:
        run: The folder; it is only read, and may still be written by a study.
    """
    notes: list[str] = []
    config = run.config
    journal = _journal(run, notes)
    facts, trials = journal["facts"], journal["trials"]
    data = dict(facts.get("facts") or {})
    kept = [*(facts.get("notes") or ()), facts.get("no better than chance")]
    notes[:0] = [str(note) for note in kept if note]
    reference = journal["reference"]
    constraints = _constraints(config.get("constraints") or (), reference, notes)
    found = [design_view(run, manifest, constraints) for manifest in _manifests(run, notes)]
    objectives = tuple(map(str, config.get("objectives") or ()))
    designs = compared(found, _front_ids(run, found, notes), objectives)
    told = [trial.told_at for trial in trials if trial.told_at is not None]
    newest = max(designs, key=lambda design: len(design.versions), default=None)
    return Page(
        name=run.path.resolve().name,
        ended=datetime.fromtimestamp(max(told), UTC).strftime("%Y-%m-%d %H:%M UTC") if told else "",
        elapsed_s=_number(facts.get("elapsed_s")),
        objectives=objectives,
        constraints=tuple(constraints),
        notes=tuple(notes),
        designs=designs,
        points=tuple(_points(trials, designs)),
        progress=tuple(_progress(journal["events"])),
        worth=_worth(trials, _number(data.get("n_train")), config.get("seed")),
        latency_model_error=_latency_model_error(run, notes),
        pace=_number(facts.get("pace")),
        reference=reference,
        data=data,
        class_names=tuple(map(str, facts.get("class_names") or ())),
        phases=tuple(_phases(trials, journal["ended_early"], facts.get("algorithms") or {})),
        decisions=tuple(_decisions(facts.get("decisions") or {})),
        ruled_out=facts.get("ruled out") or {},
        binding=facts.get("binding") or {},
        failures=tuple(Failure(t.number, t.phase, t.error or "") for t in trials if t.state == "failed"),
        settings=yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
        versions=dict(newest.versions) if newest else {},
        processor=newest.processor if newest else (),
    )


def _journal(run: RunFolder, notes: list[str]) -> dict[str, Any]:
    try:
        with run.journal(read_only=True) as journal:
            return {
                "facts": {name: journal.get(name) for name in _FACTS},
                "reference": _reference(journal),
                "trials": journal.trials(),
                "events": _progress_facts(journal),
                "ended_early": _ended_early(journal),
            }
    except PenjingError as error:
        notes.append(f"The journal could not be read: {error}")
        return {"facts": {}, "reference": {}, "trials": [], "events": [], "ended_early": {}}


def _progress_facts(journal: Journal) -> list[dict[str, Any]]:
    return [event.facts for event in journal.events("progress")]


def _manifests(run: RunFolder, notes: list[str]) -> list[Manifest]:
    found = []
    for path in sorted(run.designs_path.glob("*/manifest.json")):
        try:
            found.append(Manifest.read(path.parent))
        except PenjingError as error:
            notes.append(f"A design is left out: {error}")
    return [manifest for manifest in found if _is_measured(manifest, notes)]


def _is_measured(manifest: Manifest, notes: list[str]) -> bool:
    measured = manifest.measurements
    wanted = {"validation": Mapping, "latency_ms": Mapping, "size_bytes": int | float}
    missing = [name for name, kind in wanted.items() if not isinstance(measured.get(name), kind)]
    if missing:
        notes.append(f"Design {manifest.id} is left out: its manifest lacks {', '.join(missing)}.")
    return not missing


def _front_ids(run: RunFolder, designs: Sequence[DesignView], notes: list[str]) -> set[str]:
    if not designs:
        return set()
    try:
        return {entry["id"] for entry in front_of(run)["front"]}
    except (PenjingError, KeyError, TypeError) as error:
        notes.append(f"The front could not be decided: {error}")
        return set()


def _reference(journal: Journal) -> dict[str, Any]:
    """What constraints are decided by, and how its latency came about."""
    at_start = (journal.get("reference") or {}).get("latency_ms")
    extra = {"latency_at_start_ms": at_start, "measured": journal.get("reference_measured")}
    return reference_of(journal) | {name: value for name, value in extra.items() if value is not None}


def _constraints(texts: Sequence[str], reference: Mapping[str, Any], notes: list[str]) -> list[Constraint]:
    found: list[Constraint] = []
    for text in texts:
        try:
            known = absolute_constraints([str(text)], reference)
        except PenjingError as error:
            notes.append(f"The constraint {text!r} could not be decided: {error}")
            continue
        if not known:
            notes.append(f"The constraint {text!r} is not decided: the reference was not measured.")
        found += known
    return found


def _points(trials: Sequence[Trial], designs: Sequence[DesignView]) -> list[Point]:
    made = []
    for trial in trials:
        accuracy = _number(trial.measurements.get("accuracy"))
        if trial.state != "done" or trial.fidelity == "final" or accuracy is None:
            continue
        costs = trial.measurements.get("costs") or {}
        sizes = _number(costs.get("size_bytes")), _number(costs.get("latency_ms"))
        label = f"trial {trial.number} ({trial.phase})"
        made.append(Point(label, trial.fidelity, accuracy, *sizes))
    for design in designs:
        accuracy = _number(design.recipe.get("float_validation_accuracy"))
        if accuracy is not None:
            estimates = design.predicted_size_bytes, design.predicted_latency_ms
            made.append(Point(f"design {design.id}", "estimated", accuracy, *estimates))
    return made


def _progress(events: Sequence[Mapping[str, Any]]) -> list[ProgressPoint]:
    made = []
    for facts in events:
        elapsed, volume = _number(facts.get("elapsed_s")), _number(facts.get("hypervolume"))
        evaluations = int(facts.get("evaluations") or 0)
        if elapsed is None or volume is None or not evaluations:
            continue
        kind, phase = str(facts.get("fidelity", "inherited")), str(facts.get("phase", ""))
        made.append(ProgressPoint(elapsed, volume, kind, phase, evaluations))
    return made


def _decisions(of_phases: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[DecisionRow]:
    return [
        DecisionRow(phase, int(made["after"]), str(made["algorithm"]), str(made["reason"]))
        for phase, decisions in of_phases.items()
        for made in decisions
    ]


def _worth(trials: Sequence[Trial], n_train: float | None, seed: Any) -> Worth:
    # Of a candidate that was trained further only the last: repeats would vouch for each other.
    used = {
        trial.key: trial
        for trial in trials
        if trial.state == "done" and trial.fidelity == "inherited" and "accuracy" in trial.measurements
    }.values()
    return worth_of(
        [trial.candidate for trial in used],
        _at_equal_training([trial.measurements for trial in used], n_train),
        [trial.measurements.get("costs") or {} for trial in used],
        seed if isinstance(seed, int) else 0,
    )


def _at_equal_training(measured: Sequence[Mapping[str, Any]], n_train: float | None) -> list[float]:
    """Accuracies to expect with as much training as the longest trained candidate had."""
    accuracies = [float(one["accuracy"]) for one in measured]
    seen = [_number(one.get("seen_epochs")) or 0.0 for one in measured]
    if min(seen, default=0.0) <= 0:
        return accuracies
    saturates = saturation_epochs(n_train) if n_train else math.inf
    return [expected_accuracy(a, s, max(seen) - s, saturates) for a, s in zip(accuracies, seen, strict=True)]


def _latency_model_error(run: RunFolder, notes: list[str]) -> dict[str, float]:
    path = run.path / "latency_model.json"
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        notes.append(f"{path.name} could not be read: {error}")
        return {}
    errors = content.get("cross_validated_error") if isinstance(content, dict) else None
    if not isinstance(errors, dict):
        return {}
    return {str(name): float(value) for name, value in errors.items() if _number(value) is not None}


def _ended_early(journal: Journal) -> dict[str, str]:
    """Why a phase ended before its budget was used, by phase, in the stretch of the run when it last did."""
    newest = int(journal.get("extension", 0))
    return {
        phase: why if n == newest else f"{why}; that was before the budget was extended"
        for n in range(newest + 1)
        for phase, why in journal.get(f"ended early, extension {n}", {}).items()
    }


def _phases(
    trials: Sequence[Trial], ended_early: Mapping[str, str], algorithms: Mapping[str, Mapping[str, str]]
) -> list[PhaseRow]:
    rows: dict[str, PhaseRow] = {}
    states = Counter((trial.phase, trial.state) for trial in trials)
    for trial in trials:
        n_done, n_failed = states[trial.phase, "done"], states[trial.phase, "failed"]
        why = str(ended_early.get(trial.phase, ""))
        chosen = algorithms.get(trial.phase)
        by = f"{chosen['algorithm']}, as {chosen['reason']}" if chosen else ""
        row = rows.setdefault(trial.phase, PhaseRow(trial.phase, n_done, n_failed, 0.0, why, by))
        rows[trial.phase] = replace(row, seconds=row.seconds + (trial.seconds or 0.0))
    return list(rows.values())


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
