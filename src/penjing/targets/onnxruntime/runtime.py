"""Load and run any ONNX file with ONNX Runtime; never torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.errors import ArtifactError, InvalidValueError, ShapeError
from penjing.targets.onnxruntime.document import Document
from penjing.targets.onnxruntime.protocol import Latency, measure_latency

_ERRORS_ONLY = 3
_NUMPY_TYPES = {
    "tensor(bool)": np.bool_,
    "tensor(double)": np.float64,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(int8)": np.int8,
    "tensor(uint16)": np.uint16,
    "tensor(uint8)": np.uint8,
}


class Session:
    """A loaded network, on the CPU.

    One session serves one thread of ours at a time in measurements; ONNX Runtime itself
    allows concurrent calls.

    Args:
        artifact: The file's bytes, or where it is.
        threads: Threads for one call; 1 computes in the calling thread.

    Raises:
        InvalidValueError: If ``threads`` is less than 1.
        ArtifactError: If the file is missing, is not ONNX, or asks for operations that are not there.
        MissingExtraError: If ONNX Runtime is not installed.
    """

    def __init__(self, artifact: bytes | str | Path, threads: int = 1) -> None:
        if threads < 1:
            raise InvalidValueError(f"threads must be at least 1, got {threads!r}.", threads=threads)
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = threads
        # The networks are chains: threads across operations would only take cores from those within.
        options.inter_op_num_threads = threads
        options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
        if threads > 1:
            # Waiting threads that spin would slow down whatever else the machine does.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.threads = threads
        self._session = _loaded(runtime, artifact, options)
        self._outputs = [output.name for output in self._session.get_outputs()]

    @property
    def input_name(self) -> str:
        """Name of the first input."""
        return self._session.get_inputs()[0].name

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of the first input with its batch axis; None where an axis is free."""
        return _shape(self._session.get_inputs()[0])

    @property
    def input_type(self) -> str:
        """Type of the first input in NumPy's words, as ``uint8``."""
        return np.dtype(_numpy_type(self._session.get_inputs()[0])).name

    @property
    def input_shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Shape of every input by name."""
        return {given.name: _shape(given) for given in self._session.get_inputs()}

    @property
    def has_free_batch(self) -> bool:
        """Whether the first axis of every input can have any length."""
        return all(shape[:1] == (None,) for shape in self.input_shapes.values())

    def predict(self, x: NDArray[Any], batch: int = 500) -> NDArray[np.float32]:
        """Compute the first output.

        Args:
            x: One example per row, ``[n, …]``, in the type and shape of the first input.
            batch: Examples per call where the batch axis is free, to bound the memory.

        Returns:
            ``[n, …]`` as float32.

        Raises:
            ShapeError: If ``x`` does not fit the input.
            InvalidValueError: If ``x`` has another type, or ``batch`` is less than 1.
        """
        shape = self.input_shape
        fits = x.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape[1:], x.shape[1:], strict=True)
        )
        if not fits:
            wanted = "[" + ", ".join("n" if axis is None else str(axis) for axis in (None, *shape[1:])) + "]"
            raise ShapeError(f"x must have shape {wanted}, got {list(x.shape)}.", found=list(x.shape))
        if x.dtype.name != self.input_type:
            raise InvalidValueError(
                f"x must be {self.input_type}, got {x.dtype.name}. "
                f"Convert it with x.astype({self.input_type!r})."
            )
        if batch < 1:
            raise InvalidValueError(f"batch must be at least 1, got {batch!r}.", batch=batch)
        step = shape[0] or batch
        if len(x) == 0 or (shape[0] and len(x) % shape[0]):
            raise ShapeError(
                f"x must hold {'at least one example' if not len(x) else f'a multiple of {step} examples'}, "
                f"got {len(x)}.",
                found=list(x.shape),
            )
        name, first = self.input_name, self._outputs[:1]
        made = [self._session.run(first, {name: x[at : at + step]})[0] for at in range(0, len(x), step)]
        return np.concatenate(made).astype(np.float32, copy=False)

    def random_input(self, batch: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Draw values for every input: free first axes get ``batch``, all other free axes 1.

        Integers wider than 8 bits are often indices into tables and are 0 or 1.
        """
        made: dict[str, NDArray[Any]] = {}
        for given in self._session.get_inputs():
            shape = [size or (batch if axis == 0 else 1) for axis, size in enumerate(_shape(given))]
            kind = np.dtype(_numpy_type(given))
            if kind.kind == "f":
                made[given.name] = rng.standard_normal(shape).astype(kind)
            else:
                limit = 127 if kind.itemsize == 1 and kind.kind != "b" else 2
                made[given.name] = rng.integers(0, limit, shape).astype(kind)
        return made

    def run(self, given: Mapping[str, NDArray[Any]]) -> list[Any]:
        """Compute all outputs; this call is what the clock sees."""
        return self._session.run(self._outputs, given)


def empty_artifact() -> bytes:
    """A network that returns its input: what a call costs before anything is computed."""
    document = Document(("x", "float32", (1,)), ("y", "float32", (1,)))
    document.node("Identity", ["x"])
    return document.to_bytes()


def measure_empty_call(threads: int = 1, seconds: float = 0.05) -> Latency:
    """Time a call of a network that computes nothing."""
    return measure_latency({"empty": Session(empty_artifact(), threads)}, seconds_each=seconds)["empty"]


def runtime_version() -> str:
    """Version of ONNX Runtime, as ``1.22.0``."""
    return _runtime().__version__


def _runtime() -> Any:
    import onnxruntime  # slow to import

    return onnxruntime


def _loaded(runtime: Any, artifact: bytes | str | Path, options: Any) -> Any:
    source = artifact if isinstance(artifact, bytes) else str(artifact)
    if isinstance(source, str) and not Path(source).is_file():
        raise ArtifactError(f"There is no file {source!r}. Give the path of an .onnx file.", path=source)
    try:
        return runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime's errors have no common class of their own below Exception.
    except Exception as error:
        raise _not_loaded(source, str(error)) from error


def _not_loaded(source: bytes | str, reason: str) -> ArtifactError:
    what = repr(source) if isinstance(source, str) else f"The artifact ({len(source)} bytes)"
    if "INVALID_PROTOBUF" in reason or "No graph was found" in reason:
        message = f"{what} is not an ONNX file. Give a file that an ONNX exporter wrote."
    elif "is not a registered function/op" in reason or "No Op registered" in reason:
        message = (
            f"{what} needs operations that ONNX Runtime does not bring: {reason.splitlines()[0]} "
            "Export it with standard operations only."
        )
    else:
        message = (
            f"{what} cannot be loaded by ONNX Runtime: {reason.splitlines()[0] if reason else 'no reason'}"
        )
    return ArtifactError(message, reason=reason)


def _shape(given: Any) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) and size > 0 else None for size in given.shape)


def _numpy_type(given: Any) -> type[Any]:
    if given.type not in _NUMPY_TYPES:
        raise ArtifactError(
            f"Input {given.name!r} has type {given.type!r}; random values can be drawn for "
            f"{', '.join(sorted(_NUMPY_TYPES))}. Export the network with one of these.",
            type=given.type,
        )
    return _NUMPY_TYPES[given.type]


__all__ = [
    "Latency",
    "Session",
    "empty_artifact",
    "measure_empty_call",
    "measure_latency",
    "runtime_version",
]
