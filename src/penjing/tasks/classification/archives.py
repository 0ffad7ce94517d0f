"""Arrays in memory or in ``.npz`` files.

One file holds ``x`` and ``y`` (and perhaps ``class_names``), or all parts as
``x_train``, ``y_train``, ``x_test``, ``y_test``, as Keras writes them.
Pickled objects are never read.
"""

import zipfile
import zlib
from collections.abc import Mapping
from lzma import LZMAError
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.errors import DataError
from penjing.tasks.classification.data import PARTS
from penjing.tasks.classification.raw import RawData

_BROKEN = (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error, LZMAError)


def read_archive(path: Path) -> RawData:
    """Read one ``.npz`` file.

    Args:
        path: An existing file.

    Returns:
        The part ``train``, or all parts that the file holds.

    Raises:
        DataError: If the file cannot be read or holds other arrays.
    """
    try:
        arrays, found = _wanted_arrays(path)
    except _BROKEN as error:
        raise DataError(
            f"File {str(path)!r} cannot be read as .npz: {error}. "
            "Write it with numpy.savez_compressed(path, x=x, y=y) from plain arrays.",
            path=str(path),
        ) from error
    return _parts(arrays, found, path)


def from_arrays(x: Any, y: Any, class_names: Any = None) -> RawData:
    """Take examples and labels from memory; anything that NumPy understands.

    Args:
        x: Examples, ``[N, ...]``.
        y: Labels, ``[N]``.
        class_names: Name of label ``k`` at position ``k``.

    Returns:
        The part ``train``; arrays are not copied.

    Raises:
        DataError: If NumPy cannot make an array of them.
    """
    names = None if class_names is None else tuple(str(name) for name in class_names)
    return RawData({"train": _array("x", x)}, {"train": _array("y", y)}, names)


def _array(name: str, values: Any) -> NDArray:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(
            f"{name} is no array: {error}. Give rows of one shape, for example a NumPy array.", name=name
        ) from error


def _wanted_arrays(path: Path) -> tuple[dict[str, NDArray], list[str]]:
    """Return the arrays that mean something here, and the names of all."""
    wanted = {"x", "y", "class_names"} | {f"{axis}_{part}" for axis in "xy" for part in PARTS}
    # Opened here, because np.load leaves a broken file open.
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        return {name: archive[name] for name in archive.files if name in wanted}, archive.files


def _parts(arrays: Mapping[str, NDArray], found: list[str], path: Path) -> RawData:
    if "x" in arrays and "y" in arrays:
        return from_arrays(arrays["x"], arrays["y"], arrays.get("class_names"))
    parts = [part for part in PARTS if f"x_{part}" in arrays and f"y_{part}" in arrays]
    if "train" not in parts:
        raise DataError(
            f"File {str(path)!r} holds the arrays {', '.join(found) or 'none'}. It needs x and y, "
            "or x_train and y_train. Write it with numpy.savez_compressed(path, x=x, y=y).",
            path=str(path),
            found=tuple(found),
        )
    names = arrays.get("class_names")
    return RawData(
        {part: arrays[f"x_{part}"] for part in parts},
        {part: arrays[f"y_{part}"] for part in parts},
        None if names is None else tuple(str(name) for name in names),
    )
