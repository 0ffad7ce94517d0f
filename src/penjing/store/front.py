"""The front of a run as plain data: what ``penjing front --json`` prints and the report draws.

Only designs that were finished, measured and meet the constraints can be on
it. Membership and accuracy constraints are decided on validation; the test
split is shown beside it and never selects.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from penjing.blueprint import PRECISIONS
from penjing.objectives import METRICS, Constraint, non_dominated_mask, parse_constraint, parse_objective
from penjing.store.journal import Journal
from penjing.store.manifest import Manifest
from penjing.store.run_folder import RunFolder

FRONT_FORMAT_VERSION = 1
# Interquartile range of a latency over its median, above which something else ran.
BUSY_SPREAD = 0.1


def finished_designs(run: RunFolder) -> list[Manifest]:
    """The manifests of all designs that were finished, by id."""
    if not run.designs_path.is_dir():
        return []
    folders = sorted(path.parent for path in run.designs_path.glob("*/manifest.json"))
    return [Manifest.read(folder) for folder in folders]


def front_of(run: RunFolder) -> dict[str, Any]:
    """The front: ``{"format_version": 1, "metric": "accuracy", "front": [...]}``, smallest file first."""
    config = run.config
    designs = finished_designs(run)
    if not designs:  # and perhaps no reference either, which relative constraints need
        return {"format_version": FRONT_FORMAT_VERSION, "metric": "accuracy", "front": []}
    with run.journal(read_only=True) as journal:
        constraints = absolute_constraints(config.get("constraints", []), reference_of(journal))
    met = [d for d in designs if all(c.is_met(deciding_value(d, c.metric)) for c in constraints)]
    objectives = [parse_objective(text) for text in config["objectives"]]
    costs = np.array([[o.cost(deciding_value(d, o.metric)) for o in objectives] for d in met])
    mask = non_dominated_mask(costs) if met else []
    entries = [front_entry(d) for d, is_best in zip(met, mask, strict=True) if is_best]
    entries.sort(key=lambda entry: (entry["size_bytes"], entry["id"]))
    return {"format_version": FRONT_FORMAT_VERSION, "metric": "accuracy", "front": entries}


def out_of_reach(run: RunFolder) -> list[str]:
    """For each constraint that no finished design meets, what the nearest has; empty if none was finished."""
    designs, said = finished_designs(run), list[str]()
    with run.journal(read_only=True) as journal:
        reference = reference_of(journal)
    for asked in map(parse_constraint, run.config.get("constraints", []) if designs else ()):
        text = METRICS[asked.metric].text
        values = [deciding_value(design, asked.metric) for design in designs]
        for constraint in absolute_constraints([str(asked)], reference):
            if not any(map(constraint.is_met, values)):
                name = f"{asked}"
                if asked.needs_reference:
                    name += f", where the reference has {text(reference[asked.metric], 3)}"
                said.append(f"{name}: the nearest has {text((min if asked.upper else max)(values), 3)}")
    return said


def busy_spread(run: RunFolder) -> float | None:
    """The largest spread of a finished design's latency, if that says that the machine was busy."""
    spreads = [design.measurements["latency_ms"].get("spread") or 0.0 for design in finished_designs(run)]
    most = max(spreads, default=0.0)
    return most if most > BUSY_SPREAD else None


def undecided_constraints(run: RunFolder) -> list[str]:
    """The constraints that no design is held to, because what they refer to was never measured."""
    with run.journal(read_only=True) as journal:
        reference = reference_of(journal)
    parsed = ((text, parse_constraint(text)) for text in run.config.get("constraints", []))
    return [text for text, c in parsed if c.needs_reference and c.metric not in reference]


def reference_of(journal: Journal) -> dict[str, float]:
    """What finished designs are compared with: metrics of the reference network; empty if not measured."""
    reference = dict(journal.get("reference") or {})
    # Timed beside the designs, where one noisy moment at the start does not count.
    again = journal.get("reference_measured")
    if again:
        reference["latency_ms"] = again["latency_ms"]["value"]
    return reference


def absolute_constraints(
    texts: Iterable[str], reference: Mapping[str, float], or_nearest: bool = True
) -> list[Constraint]:
    """What finished designs must meet, in absolute numbers; without those whose reference is not known.

    Args:
        texts: The constraints as written.
        reference: As :func:`reference_of` gives it: timed again beside the designs, so that what could be met
            when a search began may have become a limit that no design meets.
        or_nearest: As in :meth:`~penjing.objectives.Constraint.resolved`.

    Raises:
        InfeasibleError: If no design could meet one with this reference, unless ``or_nearest``.

    Example:
        >>> limits = ["size_bytes <= 60 kB", "latency_ms <= 0.5 * reference", "accuracy >= reference - 1 %"]
        >>> [str(constraint) for constraint in absolute_constraints(limits, {"latency_ms": 0.2})]
        ['size_bytes <= 60 kB', 'latency_ms <= 100 us']
    """
    constraints = map(parse_constraint, texts)
    # A run that was stopped before the reference was trained cannot be held to it.
    known = [c for c in constraints if not c.needs_reference or c.metric in reference]
    return [constraint.resolved(reference, or_nearest) for constraint in known]


def deciding_value(design: Manifest, metric: str) -> float:
    """The value of a metric that decides: validation accuracy, measured latency, the file's size."""
    measured = design.measurements
    if metric == "accuracy":
        return float(measured["validation"]["value"])
    if metric == "latency_ms":
        return float(measured["latency_ms"]["value"])
    return float(measured[metric])


def front_entry(design: Manifest) -> dict[str, Any]:
    """What scripts may rely on, of one design."""
    measured = design.measurements
    kept = ("value", "low", "high", "calls", "threads", "batch")
    return {
        "id": design.id,
        "candidate": _with_bits(design.candidate),
        "parameters": measured["parameters"],
        "macs": measured["macs"],
        "size_bytes": measured["size_bytes"],
        "latency_ms": {name: measured["latency_ms"][name] for name in kept},
        "throughput_per_s": measured["throughput_per_s"],
        "accuracy": measured["test"],
        "validation": measured["validation"],
        "artifact": f"designs/{design.id}/model.onnx",
        "sha256": design.checksums["model.onnx"],
    }


def _with_bits(candidate: Mapping[str, Any]) -> dict[str, Any]:
    """The candidate with ``weight_bits`` and ``activation_bits`` beside every precision."""
    made: dict[str, Any] = {}
    for name, value in candidate.items():
        made[name] = value
        part, _, choice = name.rpartition(".")
        if choice == "precision" and value in PRECISIONS:
            made[f"{part}.weight_bits"] = PRECISIONS[value].weight_bits
            made[f"{part}.activation_bits"] = PRECISIONS[value].activation_bits
    return made
