"""Run folders with finished designs of any measurements, written through the store: nothing is trained."""

from pathlib import Path
from typing import Any

from penjing.store import Manifest, RunFolder, checksums_of

INTERVAL = {"low": 0.0, "high": 1.0, "n": 100}


def make_run(folder: Path, reference: dict[str, float] | None = None, **config: Any) -> RunFolder:
    said = {"data": "digits", "objectives": ["accuracy", "latency_ms", "size_bytes"], **config}
    run = RunFolder.create(folder, said)
    with run.lock(), run.journal() as journal:
        if reference is not None:
            journal.put("reference", reference)
    return run


def add_design(
    run: RunFolder,
    name: str,
    validation: float = 0.9,
    test: float = 0.9,
    latency_ms: float = 0.1,
    size_bytes: int = 1000,
    throughput_per_s: float = 5000.0,
    given: dict[str, Any] | None = None,
    spread: float = 0.0,
) -> None:
    folder = run.design_path(name)
    folder.mkdir(parents=True)
    for file in ("model.onnx", "network.py", "weights.safetensors"):
        (folder / file).write_text(f"{file} of {name}")
    latency = {"value": latency_ms, "low": latency_ms, "high": latency_ms}
    Manifest(
        id=name,
        candidate={"width": 8},
        blueprint={"input": given or {"name": "x", "shape": [1, 8, 8], "storage": "uint8"}},
        recipe={},
        seed=0,
        versions={},
        processor=(),
        checksums=checksums_of(folder),
        measurements={
            "parameters": 100,
            "macs": 2000,
            "size_bytes": size_bytes,
            "latency_ms": {**latency, "calls": 50, "threads": 1, "batch": 1, "spread": spread},
            "throughput_per_s": throughput_per_s,
            "validation": {"value": validation, **INTERVAL, "split": "validation"},
            "test": {"value": test, **INTERVAL, "split": "test"},
        },
        run={"class_names": [str(digit) for digit in range(10)]},
    ).write(folder)
