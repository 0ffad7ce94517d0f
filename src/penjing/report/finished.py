"""From manifests of finished designs to what the page shows of them, compared with each other."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import nan
from typing import Any

from penjing.blueprint import Blueprint
from penjing.errors import PenjingError
from penjing.objectives import Constraint, parse_objective
from penjing.report.page import DesignView, Interval
from penjing.report.sentences import Standing, front_sentence, other_sentence
from penjing.store import Manifest, RunFolder
from penjing.store.front import deciding_value


def design_view(run: RunFolder, manifest: Manifest, constraints: Sequence[Constraint]) -> DesignView:
    """Read one design, not yet compared with others.

    Args:
        run: The folder that it is in.
        manifest: Of the design; has validation accuracy, latency and size.
        constraints: In absolute numbers.
    """
    measured = manifest.measurements
    latency = measured["latency_ms"]
    test = measured.get("test")
    folder = run.design_path(manifest.id)
    names = ("model.onnx", "network.py", "weights.safetensors", "manifest.json")
    return DesignView(
        id=manifest.id,
        is_on_front=False,
        broken_constraints=_broken(manifest, constraints),
        sentence="",
        validation=_interval(measured["validation"]),
        test=_interval(test) if isinstance(test, Mapping) else None,
        n_test=test.get("n") if isinstance(test, Mapping) else None,
        size_bytes=float(measured["size_bytes"]),
        predicted_size_bytes=manifest.recipe.get("predicted_size_bytes"),
        latency_ms=_interval(latency),
        predicted_latency_ms=measured.get("predicted_latency_ms"),
        ratio_to_reference=latency.get("ratio_to_reference"),
        spread=latency.get("spread"),
        calls=latency.get("calls"),
        threads=latency.get("threads"),
        throughput_per_s=measured.get("throughput_per_s"),
        parameters=measured.get("parameters"),
        macs=measured.get("macs"),
        candidate=dict(manifest.candidate),
        recipe=dict(manifest.recipe),
        blueprint=_blueprint(manifest),
        files=tuple(f"designs/{manifest.id}/{name}" for name in names if (folder / name).is_file()),
        versions=dict(manifest.versions),
        processor=manifest.processor,
    )


def compared(
    designs: Sequence[DesignView], front_ids: Collection[str], objectives: Sequence[str]
) -> tuple[DesignView, ...]:
    """Give every design its place and its sentence; smallest file first.

    Args:
        designs: All that were finished.
        front_ids: Those on the front.
        objectives: As written; what a dominating design must be at least as good in.
    """
    standings = {design.id: _standing(design) for design in designs}
    best = [design for design in designs if design.id in front_ids]
    front = [standings[design.id] for design in best]
    made = []
    for design in sorted(designs, key=lambda design: (design.size_bytes, design.id)):
        own = standings[design.id]
        if design.id in front_ids:
            made.append(replace(design, is_on_front=True, sentence=front_sentence(own, front)))
            continue
        better = [standings[other.id] for other in best if _is_no_worse(other, design, objectives)]
        made.append(replace(design, sentence=other_sentence(own, design.broken_constraints, front, better)))
    return tuple(made)


def _is_no_worse(one: DesignView, other: DesignView, objectives: Sequence[str]) -> bool:
    wanted = [parse_objective(text) for text in objectives]
    return all(o.cost(_value(one, o.metric)) <= o.cost(_value(other, o.metric)) for o in wanted)


def _value(design: DesignView, metric: str) -> float:
    """What decides, as :func:`~penjing.store.front.deciding_value` of the manifest; NaN if not measured."""
    found = design.validation if metric == "accuracy" else getattr(design, metric)
    if isinstance(found, Interval):
        return found.value
    return nan if found is None else float(found)


def _standing(design: DesignView) -> Standing:
    return Standing(design.id, design.validation, design.size_bytes, design.latency_ms.value)


def _interval(data: Mapping[str, Any]) -> Interval:
    value = float(data["value"])
    return Interval(value, float(data.get("low", value)), float(data.get("high", value)))


def _broken(manifest: Manifest, constraints: Sequence[Constraint]) -> tuple[str, ...]:
    broken = []
    for constraint in constraints:
        try:
            is_met = constraint.is_met(deciding_value(manifest, constraint.metric))
        except (KeyError, TypeError):  # not measured: then it cannot be said to break it
            continue
        if not is_met:
            broken.append(str(constraint))
    return tuple(broken)


def _blueprint(manifest: Manifest) -> Blueprint | None:
    try:
        return Blueprint.from_dict(manifest.blueprint)
    except (PenjingError, KeyError, TypeError):
        return None
