"""In which precision a run trains: decided once, before its first training."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from penjing.blueprint import Blueprint
from penjing.families.plain import build_network
from penjing.space import Candidate
from penjing.store import Journal
from penjing.study.draws import Draw, stream
from penjing.study.steps import fitting
from penjing.training import Recipe
from penjing.training.device import threads, training_device
from penjing.training.precision import fastest, precisions_of, step_ms

if TYPE_CHECKING:
    from penjing.study.study import Study

log = logging.getLogger(__name__)
_KEY = "training precision"
_PROBE_S = 0.75
# One network does not speak for all: with bfloat16 in hardware (AVX-512) the reference takes 0.87 of the
# time, finished designs with separable or inverted blocks 1.5 to 4 times as long. Drawn ones are timed as
# well, without the largest of them, which a search hardly trains and which take longest to time.
_DRAWN, _TIMED = 12, (1, 3, 5, 7)
_DRAWN_PROBE_S = 0.1


def decide_training_precision(study: "Study", reference: Candidate) -> str:
    """Decide, unless an earlier session did: as configured, else by timing the reference and drawn networks.

    The reference is timed in any case where there is a clock in the budget: others want to know what a step
    takes.

    With a budget in evaluations nothing is timed, and it is ``fp32``.

    Args:
        study: Whose trainings.
        reference: A network of middle size.
    """
    if study.journal.get(_KEY) is None:
        decision = _decision(study, study.pipeline.float_blueprint(reference))
        log.info("training in %s: %s", decision["precision"], decision["decided_by"])
        study.journal.put_once(_KEY, decision)
    return kept_training_precision(study.journal)


def kept_training_precision(journal: Journal) -> str:
    """What was decided."""
    return str(journal.get(_KEY)["precision"])


def reference_step_ms(journal: Journal) -> float | None:
    """Milliseconds that ``training.batch_size`` examples take the reference network in the decided precision.

    In a worker. None without a clock in the budget.
    """
    kept = journal.get(_KEY)
    return kept["step_ms"].get(kept["precision"])


def _decision(study: "Study", reference: Blueprint) -> dict[str, Any]:
    asked = study.config.training.precision
    device = training_device(study.config.training.device)
    offered = precisions_of(device) if asked == "auto" else (asked,)
    has_clock = study.budget.seconds is not None
    times_ms = _times_ms(study, reference, device, offered, _PROBE_S) if has_clock else {}
    if asked != "auto":
        precision, decided_by = asked, "the configuration"
    elif not has_clock:
        precision, decided_by = "fp32", "a budget without a clock"
    elif offered == ("fp32",):
        precision, decided_by = "fp32", "what the device computes in hardware"
    else:
        drawn = [_times_ms(study, b, device, offered, _DRAWN_PROBE_S) for b in _drawn(study)]
        total = {name: sum(times[name] for times in (times_ms, *drawn)) for name in offered}
        precision, decided_by = fastest(total), "timing"
    return {"precision": precision, "decided_by": decided_by, "device": device.type, "step_ms": times_ms}


def _times_ms(
    study: "Study", blueprint: Blueprint, device: torch.device, precisions: Sequence[str], seconds: float
) -> dict[str, float]:
    """For as many examples as a step takes at most, in steps of as many as it takes of this network."""
    most = study.config.training.batch_size
    n = fitting(Recipe(epochs=1.0, batch_size=most), blueprint, device).batch_size
    with threads(1):  # as the workers
        taken = step_ms(
            lambda: build_network(blueprint, trainable=True),
            blueprint.input,
            study.facts.n_classes,
            n,
            device,
            precisions,
            seconds * len(precisions),
        )
    return {precision: ms * most / n for precision, ms in taken.items()}


def _drawn(study: "Study") -> list[Blueprint]:
    """Networks such as the search will train."""
    problem = study.problem(study.pipeline.space)
    rng = stream(study.config.seed, Draw.TRAINING_PRECISION)
    candidates = [problem.sample_feasible(rng) for _ in range(_DRAWN)]
    candidates.sort(key=lambda candidate: problem.costs(candidate)["macs"])
    return [study.pipeline.float_blueprint(candidates[at]) for at in _TIMED]
