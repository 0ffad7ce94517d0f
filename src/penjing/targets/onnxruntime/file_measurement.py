"""Measure any ONNX file, whoever made it: latency, throughput, bytes, memory."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from penjing.errors import ArtifactError, InvalidValueError
from penjing.targets.onnxruntime.manifest_beside import processor_warnings
from penjing.targets.onnxruntime.processor import processor_info
from penjing.targets.onnxruntime.protocol import measure_latency
from penjing.targets.onnxruntime.runtime import Session, measure_empty_call, runtime_version

FORMAT_VERSION = 1
"""Of what :func:`measure_file` returns and ``penjing measure --json`` prints."""

_CHILD_SECONDS = 300
_MEMORY_SCRIPT = """
import sys
import numpy as np
import onnxruntime
from penjing.targets.onnxruntime.file_measurement import peak_memory_bytes
from penjing.targets.onnxruntime.runtime import Session
before = peak_memory_bytes()
session = Session(sys.argv[1], int(sys.argv[2]))
given = session.random_input(int(sys.argv[3]), np.random.default_rng(0))
for _ in range(3):
    session.run(given)
sys.stdout.write(str(peak_memory_bytes() - before))
"""


def measure_file(
    path: str | Path, batches: Sequence[int] = (1, 64), threads: int = 1, seconds: float = 0.5
) -> dict[str, Any]:
    """Measure a file as it is shipped, with random input of the type and shape it asks for.

    Args:
        path: An ``.onnx`` file with tensors as inputs; only the batch axis may be free.
        batches: Examples per call; the largest gives the throughput, the first the memory. If the batch
            axis is not free, the file's own batch is used once and ``batch_is_free`` says so.
        threads: Threads for one call.
        seconds: Time to spend per batch size.

    Returns:
        Plain JSON data: ``format_version``, ``latency`` by batch size, ``throughput_per_s`` at the largest
        batch, ``empty_call_ms``, ``size_bytes``, ``peak_memory_bytes``, ``processor``, ``runtime_version``,
        and ``warnings``, sentences on what to doubt; see :func:`processor_warnings`.

    Raises:
        ArtifactError: If the file is missing, is not ONNX, needs operations that ONNX Runtime does not
            bring, has free axes other than the batch, or runs with none of the batches.
        InvalidValueError: If ``batches`` is empty or has a number below 1.
    """
    if not batches or min(batches) < 1:
        raise InvalidValueError(f"batches must hold numbers of at least 1, got {list(batches)!r}.")
    path = Path(path)
    session = Session(path, threads)
    _check_axes(session, path)
    is_free = session.has_free_batch
    sizes = sorted(set(batches)) if is_free else [session.input_shape[0] or 1 if session.input_shape else 1]
    refusals = {size: why for size in sizes if (why := _refusal(session, size))}
    if len(refusals) == len(sizes):
        raise ArtifactError(f"{str(path)!r} cannot be run with a batch of {sizes[0]}: {refusals[sizes[0]]}")
    sizes = [size for size in sizes if size not in refusals]
    measured = {
        size: measure_latency({"file": session}, batch=size, seconds_each=seconds)["file"] for size in sizes
    }
    largest = sizes[-1]
    return {
        "format_version": FORMAT_VERSION,
        "latency": {str(size): latency.as_dict() for size, latency in measured.items()},
        "throughput_per_s": largest * 1e3 / measured[largest].value,
        "throughput_batch": largest,
        "batch_is_free": is_free,
        "empty_call_ms": measure_empty_call(threads).value,
        "size_bytes": path.stat().st_size,
        "peak_memory_bytes": _peak_memory(path, threads, sizes[0]),
        "threads": threads,
        "processor": processor_info(),
        "runtime": "onnxruntime",
        "runtime_version": runtime_version(),
        "warnings": [
            *processor_warnings(path),
            *(f"It does not run with a batch of {size}: {why}" for size, why in refusals.items()),
        ],
    }


def peak_memory_bytes() -> int:
    """The most memory that this process has had resident."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the parent had before it became this process
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource  # absent on some systems

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _peak_memory(path: Path, threads: int, batch: int) -> int:
    """What loading and running adds to a fresh process that has imported the runtime."""
    command = [sys.executable, "-c", _MEMORY_SCRIPT, str(path.absolute()), str(threads), str(batch)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_CHILD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ArtifactError(
            f"One call of {str(path)!r} took more than {_CHILD_SECONDS} s in a process of its own. Measure a "
            "smaller network or a smaller batch.",
        ) from None
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ArtifactError(
            f"{str(path)!r} cannot be run in a process of its own: {reason} "
            "Free some memory, or measure a smaller batch.",
            reason=reason,
        )
    return max(int(done.stdout), 0)


def _refusal(session: Session, batch: int) -> str:
    """Why the network does not run with so many examples; empty if it does."""
    try:
        session.run(session.random_input(batch, np.random.default_rng(0)))
    except Exception as error:  # ONNX Runtime's own kinds have no common base
        return " ".join(str(error).split())[:300] or type(error).__name__
    return ""


def _check_axes(session: Session, path: Path) -> None:
    for name, shape in session.input_shapes.items():
        free = [axis for axis, size in enumerate(shape) if size is None and axis > 0]
        if free:
            raise ArtifactError(
                f"Input {name!r} of {str(path)!r} has free axes {free} besides the batch: shape "
                f"{list(shape)!r}. Only the first axis may be free. Export the file with fixed sizes.",
                name=name,
                free=free,
            )


__all__ = ["measure_file", "peak_memory_bytes"]
