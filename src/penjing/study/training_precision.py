"""In which precision a run trains: decided once, before its first training."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from penjing.blueprint import Blueprint
from penjing.families.plain import build_network
from penjing.space import Candidate
from penjing.store import Journal
from penjing.training.device import threads, training_device
from penjing.training.precision import fastest, precisions_of, step_ms

if TYPE_CHECKING:
    from penjing.study.study import Study

log = logging.getLogger(__name__)
_KEY = "training precision"
_PROBE_S = 0.75


def decide_training_precision(study: "Study", reference: Candidate) -> str:
    """Decide, unless an earlier session did: as configured, else by timing the reference network.

    It is timed in any case where there is a clock in the budget: others want to know what a step takes.

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
    """Milliseconds that a training step of the reference network takes a worker in the decided precision.

    None without a clock in the budget.
    """
    kept = journal.get(_KEY)
    return kept["step_ms"].get(kept["precision"])


def _decision(study: "Study", reference: Blueprint) -> dict[str, Any]:
    asked = study.config.training.precision
    device = training_device(study.config.training.device)
    offered = precisions_of(device) if asked == "auto" else (asked,)
    has_clock = study.budget.seconds is not None
    times_ms = _times_ms(study, reference, device, offered) if has_clock else {}
    if asked != "auto":
        precision, decided_by = asked, "the configuration"
    elif not has_clock:
        precision, decided_by = "fp32", "a budget without a clock"
    elif offered == ("fp32",):
        precision, decided_by = "fp32", "what the device computes in hardware"
    else:
        precision, decided_by = fastest(times_ms), "timing"
    return {"precision": precision, "decided_by": decided_by, "device": device.type, "step_ms": times_ms}


def _times_ms(
    study: "Study", reference: Blueprint, device: torch.device, precisions: Sequence[str]
) -> dict[str, float]:
    with threads(1):  # as the workers
        return step_ms(
            lambda: build_network(reference, trainable=True),
            study.facts.shape,
            study.facts.n_classes,
            study.config.training.batch_size,
            device,
            precisions,
            _PROBE_S * len(precisions),
        )
