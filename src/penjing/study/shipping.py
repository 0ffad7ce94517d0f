"""Write a finished design's files, once its artifact is known to do what its network does."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import nn

from penjing.blueprint import Blueprint
from penjing.errors import ArtifactError
from penjing.families.plain import float_weights, network_source
from penjing.objectives import is_non_inferior, paired_difference_interval
from penjing.protocols import QuantizationScheme, Target
from penjing.store import write_atomically
from penjing.training import logits_of

LEAST_AGREEMENT = 0.99
LARGEST_ACCURACY_DIFFERENCE = 0.002
COMPARED_IMAGES = 2000
# Losing less than half a point is called no loss, where it can be shown.
MARGIN = 0.005


def ship(
    folder: Path,
    target: Target,
    blueprint: Blueprint,
    ready: nn.Module,
    uncompressed: nn.Module,
    scheme: QuantizationScheme,
    examples: torch.Tensor,
    labels: torch.Tensor,
) -> dict[str, object]:
    """Write ``model.onnx``, ``weights.safetensors`` and ``network.py``.

    Args:
        folder: Of the design.
        target: Writes and runs the artifact.
        blueprint: With precisions.
        ready: The simulated network.
        uncompressed: The network in 32-bit floats that it was made from.
        scheme: Its scales.
        examples: Of validation, as they come, ``[N, …]``; the first are compared.
        labels: ``[N]``.

    Returns:
        Accuracy of the artifact on all examples, its size, how well it agrees, and what compression changed.

    Raises:
        ArtifactError: If artifact and network do not agree.
    """
    weights = float_weights(ready, blueprint)
    artifact = target.write(blueprint, weights, scheme)
    from_file = target.predict(artifact, examples.numpy())
    n = min(COMPARED_IMAGES, len(examples))
    simulated = logits_of(ready, examples[:n]).numpy()
    truth = labels.numpy()
    agreement = float((from_file[:n].argmax(1) == simulated.argmax(1)).mean())
    by_file = float((from_file[:n].argmax(1) == truth[:n]).mean())
    by_network = float((simulated.argmax(1) == truth[:n]).mean())
    # Of few examples one prediction is more than the allowed difference.
    allowed = max(LARGEST_ACCURACY_DIFFERENCE, 2.0 / n)
    least = min(LEAST_AGREEMENT, 1.0 - 1.0 / n)
    if agreement < least or abs(by_file - by_network) > allowed:
        raise ArtifactError(
            f"The artifact of design {folder.name} agrees with its network on {agreement:.2%} of {n} "
            f"examples (accuracy {by_file:.2%} against {by_network:.2%}). At least {least:.0%} and a "
            f"difference of at most {allowed:.1%} are needed. The design is left out."
        )
    folder.mkdir(parents=True, exist_ok=True)
    # It describes files that are no more; measuring writes another.
    (folder / "manifest.json").unlink(missing_ok=True)
    state = {name: torch.from_numpy(value) for name, value in _state(blueprint, weights).items()}
    write_atomically(folder / "model.onnx", artifact)
    write_atomically(folder / "weights.safetensors", save(state))
    write_atomically(folder / "network.py", network_source(blueprint, scheme))
    return {
        "accuracy": float((from_file.argmax(1) == truth).mean()),
        "size_bytes": len(artifact),
        "predicted_size_bytes": target.size_bytes(blueprint),
        "agreement": agreement,
        "largest_logit_difference": float(np.abs(from_file[:n] - simulated).max()),
        "n_agreement_images": n,
        "compression": _difference(from_file.argmax(1) == truth, _is_right(uncompressed, examples, labels)),
    }


def _is_right(network: nn.Module, examples: torch.Tensor, labels: torch.Tensor) -> NDArray[np.bool_]:
    return (logits_of(network, examples).argmax(1) == labels).numpy()


def _difference(compressed: NDArray[np.bool_], before: NDArray[np.bool_]) -> dict[str, object]:
    """Accuracy of the artifact minus that of its network before compression, on the same examples."""
    value, low, high = paired_difference_interval(compressed, before)
    return {
        "accuracy_difference": value,
        "low": low,
        "high": high,
        "n": len(before),
        "margin": MARGIN,
        "is_non_inferior": is_non_inferior(compressed, before, MARGIN),
    }


def _state(blueprint: Blueprint, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights under the names that ``network.py`` gives its modules."""
    return {
        f"{layer.module_name}.{role}": weights[f"{layer.name}.{role}"]
        for layer in blueprint.weighted_layers
        for role in ("weight", "bias")
    }
