"""A plausible run folder, written through the store alone: nothing is trained or timed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from penjing.blueprint import Blueprint, InputSpec, layer_macs, macs, parameters
from penjing.compression.quantization.method import Quantization
from penjing.families.convolutional import ConvolutionalFamily
from penjing.objectives import non_dominated_mask, wilson_interval
from penjing.protocols import Abilities
from penjing.space import Candidate, SearchSpace
from penjing.store import Journal, Manifest, RunFolder, checksums_of

PRECISIONS = ("fp32", "w8", "w8a8")
CONFIG: dict[str, Any] = {
    "task": "image-classification",
    "data": "clothes.npz",
    "objectives": ["accuracy", "latency_ms", "size_bytes"],
    "constraints": ["size_bytes <= 60 kB", "latency_ms <= 0.8 * reference"],
    "budget": "10 min",
    "seed": 3,
}
CLASSES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")

family = ConvolutionalFamily(InputSpec("x", (1, 28, 28), scale=0.011, zero_point=0), len(CLASSES))
method = Quantization(PRECISIONS)
_ABILITIES = Abilities(PRECISIONS, ("fp32", "w8a8"))
space = SearchSpace([*family.choices(_ABILITIES), *method.choices(family.blocks(), _ABILITIES)])


def blueprint_of(candidate: Candidate) -> Blueprint:
    return method.rewrite(family.blueprint(candidate), candidate)


def costs_of(blueprint: Blueprint) -> dict[str, float]:
    size = sum(tensor.n_bytes for layer in blueprint.layers for tensor in layer.tensors) + 900
    speed = {"w8a8": 2.5}
    work = sum(layer_macs(layer) / speed.get(layer.precision, 1.0) for layer in blueprint.layers)
    latency = 0.004 + 0.0015 * len(blueprint.layers) + work / 2.5e7
    return {
        "parameters": parameters(blueprint),
        "macs": macs(blueprint),
        "size_bytes": float(size),
        "latency_ms": latency,
    }


def accuracy_of(candidate: Candidate, rng: np.random.Generator) -> float:
    """More multiplications are more accurate, 8-bit activations cost a little, a wide stem helps."""
    blueprint = blueprint_of(candidate)
    integers = sum(layer.precision == "w8a8" for layer in blueprint.weighted_layers)
    error = 0.42 * (1e4 / macs(blueprint)) ** 0.2 * (1 + 0.015 * integers)
    error *= 0.8 if candidate["stem.width"] in (16, 24) else 1.0
    return float(1 - np.clip(error * np.exp(rng.normal(0, 0.05)), 0.01, 0.9))


def make_run(
    folder: Path,
    n_trials: int = 70,
    n_designs: int = 9,
    config: dict[str, Any] | None = None,
    class_names: Sequence[str] = CLASSES,
    notes: Sequence[str] = ("12 images are in train and test; they were taken out of train.",),
    seed: int = 0,
) -> RunFolder:
    rng = np.random.default_rng(seed)
    run = RunFolder.create(folder, {**CONFIG, **(config or {})})
    reference = {"parameters": 38_314, "macs": 2_412_000, "size_bytes": 155_120.0, "latency_ms": 0.182}
    with run.lock(), run.journal() as journal:
        _put_facts(journal, reference, class_names, notes)
        candidates = _search(journal, n_trials, rng)
        _finalists(run, journal, candidates, n_designs, reference, rng)
    errors = {
        "within_10_percent": 0.82,
        "median_relative_error": 0.046,
        "spearman": 0.971,
        "n_networks": 60.0,
    }
    content = {"format_version": 1, "cross_validated_error": errors}
    (run.path / "latency_model.json").write_text(json.dumps(content))
    return run


def _put_facts(
    journal: Journal, reference: dict[str, Any], class_names: Sequence[str], notes: Sequence[str]
) -> None:
    facts = {"shape": [1, 28, 28], "n_classes": 10, "n_train": 54_000, "mean": 72.9, "deviation": 90.0}
    latency = {"value": 0.179, "low": 0.177, "high": 0.182, "calls": 4000, "threads": 1, "batch": 1}
    journal.put("facts", {**facts, "fingerprint": "9b1c02d4"})
    journal.put("reference", reference)
    journal.put("reference_measured", {"latency_ms": latency, "throughput_per_s": 9_120.0})
    journal.put("class_names", list(class_names))
    journal.put("notes", list(notes))
    journal.put("elapsed_s", 588.4)


def _search(journal: Journal, n_trials: int, rng: np.random.Generator) -> list[tuple[Candidate, float]]:
    journal.begin_phase("joint", 1)
    found: list[tuple[Candidate, float]] = []
    for number in range(n_trials):
        candidate = space.sample(rng)
        accuracy = accuracy_of(candidate, rng)
        journal.ask(number, "joint", "inherited", candidate.as_dict(), candidate.key)
        if number % 23 == 22:
            journal.tell(number, "failed", {}, 1.0, "ArtifactError: Training diverged.")
            continue
        costs = costs_of(blueprint_of(candidate))
        told = {"accuracy": accuracy, "costs": costs, "epochs": 1.5, "seen_epochs": 1.5}
        journal.tell(number, "done", told, 4.2)
        found.append((candidate, accuracy))
        volume = 0.62 * (1 - np.exp(-(number + 2) / 20))
        _progress(journal, "joint", 25 + 5 * number, number + 1, volume, "inherited")
    return found


def _progress(
    journal: Journal, phase: str, elapsed_s: float, evaluations: int, volume: float, fidelity: str
) -> None:
    facts = {"elapsed_s": elapsed_s, "evaluations": evaluations, "front_size": 5, "hypervolume": volume}
    journal.event("progress", phase=phase, fidelity=fidelity, **facts)


def _finalists(
    run: RunFolder,
    journal: Journal,
    found: Sequence[tuple[Candidate, float]],
    n_designs: int,
    reference: dict[str, Any],
    rng: np.random.Generator,
) -> None:
    if not n_designs:
        return
    chosen = _best(found, n_designs)
    journal.begin_phase("finalists", 51)
    first = journal.next_number()
    for index, (candidate, inherited) in enumerate(chosen):
        costs = costs_of(blueprint_of(candidate))
        full = candidate.as_dict() | {"training.learning_rate": 0.1}
        error = 0.75 * (1 - inherited)
        for place, fidelity, phase in (
            (index, "rung", "finalists, first rung"),
            (None, "final", "finalists"),
        ):
            number = first + index if place is not None else first + n_designs + index
            accuracy = 1 - (1.15 if fidelity == "rung" else 1.0) * error
            journal.ask(number, phase, fidelity, full, candidate.key)
            told = {"accuracy": accuracy, "costs": costs, "design": candidate.key[:8], "facts": {}}
            journal.tell(number, "done", told, 20.0)
        _progress(journal, "finalists", 400 + 20 * index, len(found) + index, 0.5 + 0.03 * index, "final")
        _write_design(run, candidate, Candidate(full), 1 - error, reference, rng)


def _best(found: Sequence[tuple[Candidate, float]], n: int) -> list[tuple[Candidate, float]]:
    rows = [costs_of(blueprint_of(candidate)) for candidate, _ in found]
    table = [
        [1 - accuracy, row["size_bytes"], row["latency_ms"]]
        for row, (_, accuracy) in zip(rows, found, strict=True)
    ]
    mask = non_dominated_mask(np.array(table))
    order = sorted(range(len(found)), key=lambda i: (not mask[i], rows[i]["size_bytes"]))
    return [found[i] for i in order[:n]]


def _write_design(
    run: RunFolder,
    candidate: Candidate,
    full: Candidate,
    accuracy: float,
    reference: dict[str, Any],
    rng: np.random.Generator,
) -> None:
    folder = run.design_path(candidate.key[:8])
    folder.mkdir(parents=True)
    for name in ("model.onnx", "network.py", "weights.safetensors"):
        (folder / name).write_bytes(candidate.key.encode())
    blueprint = blueprint_of(candidate)
    costs = costs_of(blueprint)
    latency = float(costs["latency_ms"] * np.exp(rng.normal(0, 0.06)))
    measurements: dict[str, Any] = {
        "parameters": costs["parameters"],
        "macs": costs["macs"],
        "size_bytes": int(costs["size_bytes"]) + int(rng.integers(-20, 20)),
        "predicted_latency_ms": costs["latency_ms"],
        "latency_ms": {
            "value": latency,
            "low": 0.985 * latency,
            "high": 1.02 * latency,
            "calls": 5200,
            "threads": 1,
            "batch": 1,
            "spread": 0.03,
            "ratio_to_reference": latency / reference["latency_ms"],
        },
        "throughput_per_s": 1300 / latency,
        "validation": _accuracy(accuracy, 6000, "validation"),
        "test": _accuracy(accuracy - 0.004, 10_000, "test"),
    }
    Manifest(
        id=candidate.key[:8],
        candidate=full.as_dict(),
        blueprint=blueprint.as_dict(),
        recipe={
            "recipe": {"epochs": 22.5, "learning_rate": 0.1, "optimiser": "sgd"},
            "float_validation_accuracy": min(0.999, accuracy + 0.006),
            "post_training_validation_accuracy": accuracy - 0.02,
            "agreement": 0.9991,
            "predicted_size_bytes": costs["size_bytes"],
        },
        seed=3,
        versions={"penjing": "0.1.0", "python": "3.12.3", "torch": "2.11.0", "onnxruntime": "1.23.0"},
        processor=("avx2", "avx512f", "avx512_vnni"),
        checksums=checksums_of(folder),
        measurements=measurements,
        run={"trial": 1, "data": "9b1c02d4"},
    ).write(folder)


def _accuracy(value: float, n: int, split: str) -> dict[str, Any]:
    right = round(value * n)
    low, high = wilson_interval(right, n)
    return {"value": right / n, "low": low, "high": high, "split": split, "n": n}
