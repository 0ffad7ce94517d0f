"""Files that are whole or absent, and names that follow from content."""

import errno
import hashlib
import json
import math
import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from penjing.errors import InvalidValueError, RunFolderError

TEMPORARY_FILES = ".penjing-*.tmp"
"""Glob of what a process that was killed while writing leaves behind."""


def write_atomically(path: str | Path, data: bytes | str) -> None:
    """Write a file so that a reader, or a kill at any moment, sees the old content or the new, never a part.

    The data go to a temporary name in the same folder, reach the disk, and are renamed over ``path``; the
    folder is synchronised too, so that the new name survives a power cut. Missing folders are made. A
    symbolic link at ``path`` is replaced, not followed.

    Args:
        path: Where the file shall be.
        data: Its content; a ``str`` is written as UTF-8.

    Raises:
        RunFolderError: If the disk is full or the file cannot be written; what was at ``path`` is unchanged.
    """
    path = Path(path)
    content = data.encode() if isinstance(data, str) else data
    # One thread writes one file at a time, so this name is free or a leftover of a killed process.
    temporary = path.parent / TEMPORARY_FILES.replace("*", f"{os.getpid()}-{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _not_written(path, len(content), error) from error
    finally:
        # After a success nothing bears this name any more; a folder that could not be made has none either.
        if temporary.parent.is_dir():
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_written(path: Path, needed_bytes: int, error: OSError) -> RunFolderError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return disk_full(path, needed_bytes)
    reason = error.strerror or str(error)
    return RunFolderError(
        f"{path} cannot be written: {reason}. Nothing committed is lost. "
        "Make its folder writable, then `penjing resume` continues.",
        path=str(path),
        reason=reason,
    )


def disk_full(path: Path, needed_bytes: int | None = None) -> RunFolderError:
    """Say what did not fit, what is free, and that the run can go on (returned, to be raised by the caller).

    Args:
        path: The file that could not be written.
        needed_bytes: Its size; None if not known.
    """
    free_bytes = free_bytes_at(path)
    needed = "more space" if needed_bytes is None else f"{needed_bytes} bytes"
    return RunFolderError(
        f"The disk is full: {path} needs {needed}, {free_bytes} bytes are free. Nothing committed is lost. "
        "Free some space, then `penjing resume` continues.",
        path=str(path),
        needed_bytes=needed_bytes,
        free_bytes=free_bytes,
    )


def free_bytes_at(path: Path) -> int:
    """Count the bytes that are free on the disk of ``path``, which need not exist yet."""
    existing = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    return shutil.disk_usage(existing).free


def path_inside(folder: str | Path, relative: str | Path) -> Path:
    """Resolve a path that must stay in a folder: no ``..``, not absolute, no symbolic link that leads out.

    Args:
        folder: The folder to stay in.
        relative: A path below it, which need not exist.

    Returns:
        The absolute path, links followed.

    Raises:
        RunFolderError: If the path leads out of the folder or cannot be resolved.

    Example:
        >>> path_inside("/runs/a", "designs/7").as_posix()
        '/runs/a/designs/7'
    """
    path = Path(relative)
    root = Path(folder).resolve()
    try:
        resolved = (root / path).resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name too long, a zero byte
        resolved = None
    if resolved is None or path.is_absolute() or ".." in path.parts or not resolved.is_relative_to(root):
        raise RunFolderError(
            f"{str(relative)!r} is not a path inside {folder}. "
            "Allowed are relative paths without '..' and links that lead out. Name a file in the folder.",
            path=str(relative),
            folder=str(folder),
        )
    return resolved


def sha256_of(path: str | Path) -> str:
    """Compute the SHA-256 of a file as 64 hexadecimal digits, without loading it whole."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> str:
    """Write a value as JSON such that equal content gives equal text.

    Keys are sorted, spaces left out, other characters than ASCII escaped; floats have their shortest exact
    form, so reading gives the same bits. Tuples and NumPy arrays become lists, NumPy scalars numbers.
    ``1``, ``1.0`` and ``True`` are three different texts.

    Raises:
        InvalidValueError: If something in it has no JSON form (NaN and infinity have none), naming the place.

    Example:
        >>> canonical_json({"width": np.int64(8), "kernel": (3, 3)})
        '{"kernel":[3,3],"width":8}'
    """
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"))


def content_key(*parts: Any) -> str:
    """Derive a key from content: equal parts in equal order, equal key; 16 hexadecimal digits (64 bits).

    Notes:
        Among a million keys a collision has a probability of about 3e-8.

    Example:
        >>> content_key("prune", {"keep": 0.5})
        '5bc463569f9356c2'
    """
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:16]


def plain(value: Any, place: str = "value") -> Any:
    """Copy a value using only what JSON has, keeping the order of keys.

    Args:
        value: Nested mappings, lists, tuples, NumPy arrays, numbers, strings, booleans and None.
        place: What the value is called in an error: ``measurements['accuracy']``.

    Raises:
        InvalidValueError: If something in it has no JSON form.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise InvalidValueError(
            f"{place} is {value}; JSON has finite numbers only. Leave it out or put None.",
            place=place,
            value=value,
        )
    if isinstance(value, list | tuple):
        return [plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidValueError(
                    f"{place} has the key {key!r}; JSON has text keys only. Use {str(key)!r}.",
                    place=place,
                    key=key,
                )
        return {key: plain(item, f"{place}[{key!r}]") for key, item in value.items()}
    kind = type(value).__name__
    raise InvalidValueError(
        f"{place} is of type {kind!r}; allowed are None, booleans, numbers, text, lists and mappings. "
        "Convert it first.",
        place=place,
        kind=kind,
    )
