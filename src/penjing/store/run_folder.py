"""The run folder: where each file of a run is, and who may write there.

::

    run/
      config.yaml      what was asked for; its presence makes the folder a run
      journal.db       the course of the study
      weights/         weights that designs share
      designs/<id>/    one finished design and its manifest.json
      log.jsonl        what was logged
      report.html      made from all of the above
      lock             held by the process that writes; the operating system frees it when that process dies
"""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import yaml

from penjing.errors import ConfigError, InvalidValueError, RunFolderError
from penjing.store.files import (
    TEMPORARY_FILES,
    disk_full,
    free_bytes_at,
    path_inside,
    plain,
    write_atomically,
)
from penjing.store.format_version import check_format_version
from penjing.store.journal import Journal

CONFIG_FORMAT_VERSION = 1

_held_locks: set[int] = set()


def _close_inherited_locks() -> None:
    for descriptor in _held_locks:
        os.close(descriptor)
    _held_locks.clear()


# A flock lives as long as any process has its descriptor: a forked worker would keep it for a killed study.
os.register_at_fork(after_in_child=_close_inherited_locks)


class RunFolder:
    """The folder of one run; use :meth:`create` or :meth:`open`, which check it.

    Args:
        path: The folder. Nothing is read or made.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     folder = RunFolder.create(f"{parent}/run", {"task": "digits"})
        ...     with folder.lock(), folder.journal() as journal:
        ...         journal.put("precision", "float32")
        ...     RunFolder.open(folder.path).config
        {'format_version': 1, 'task': 'digits'}
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def create(cls, path: str | Path, config: Mapping[str, Any]) -> Self:
        """Make a new run: the folder and its ``config.yaml``.

        Args:
            path: Where; parents are made as needed.
            config: The configuration, as JSON and YAML can write it. A ``format_version`` in it must be
                readable.

        Raises:
            RunFolderError: If the folder is not empty, holds a run, or is a file.
            FormatVersionError: If ``config`` has a ``format_version`` that this Penjing does not know.
            InvalidValueError: If ``config`` has something that is neither a number, text, list nor mapping.
        """
        folder = cls(path)
        if folder.path.exists() and not folder.path.is_dir():
            raise RunFolderError(
                f"{folder.path} is a file; a run needs a folder. Choose another folder (--out).",
                path=str(folder.path),
            )
        if folder.holds_run():
            raise RunFolderError(
                f"{folder.path} already holds a run. "
                f"Choose another folder (--out), or continue it: penjing resume {folder.path}",
                path=str(folder.path),
            )
        if names := folder._foreign_names():
            raise RunFolderError(
                f"{folder.path} is not empty: it holds {names[0]!r}. A run starts in an empty folder. "
                "Choose another folder (--out).",
                path=str(folder.path),
                names=names,
            )
        content = {"format_version": CONFIG_FORMAT_VERSION, **plain(config, "config")}
        check_format_version(folder.config_path, content["format_version"], CONFIG_FORMAT_VERSION)
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        write_atomically(folder.config_path, text)
        return folder

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a run that exists.

        Raises:
            RunFolderError: If there is no such folder, or it holds no run.
            FormatVersionError: If its configuration is of a version that this Penjing does not know.
            ConfigError: If its ``config.yaml`` is no YAML mapping.
        """
        folder = cls(path)
        if not folder.path.is_dir():
            raise RunFolderError(
                f"No folder is at {folder.path}. Name the folder of a run, the one given as --out.",
                path=str(folder.path),
            )
        if not folder.holds_run():
            raise RunFolderError(
                f"{folder.path} holds no run: config.yaml is missing. Name the folder given as --out.",
                path=str(folder.path),
            )
        check_format_version(folder.config_path, folder.config.get("format_version"), CONFIG_FORMAT_VERSION)
        return folder

    def holds_run(self) -> bool:
        """Tell whether a run was begun here."""
        return self.config_path.is_file()

    def _foreign_names(self) -> list[str]:
        # Leftovers of a creation that was killed do not count.
        entries = self.path.iterdir() if self.path.exists() else ()
        return sorted(entry.name for entry in entries if not entry.match(TEMPORARY_FILES))

    @property
    def config(self) -> dict[str, Any]:
        """The content of ``config.yaml``, read anew, with its ``format_version``."""
        try:
            content = yaml.safe_load(self.config_path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"{self.config_path} cannot be read as YAML: {reason}. Repair it, or start a new run.",
                path=str(self.config_path),
            ) from error
        if not isinstance(content, dict):
            raise ConfigError(
                f"{self.config_path} is a {type(content).__name__}, not a mapping of settings. "
                "Repair it, or start a new run.",
                path=str(self.config_path),
            )
        return content

    @property
    def config_path(self) -> Path:
        """``config.yaml``."""
        return self.path / "config.yaml"

    @property
    def journal_path(self) -> Path:
        """``journal.db``."""
        return self.path / "journal.db"

    @property
    def designs_path(self) -> Path:
        """The folder ``designs``."""
        return self.path / "designs"

    @property
    def weights_path(self) -> Path:
        """The folder ``weights``."""
        return self.path / "weights"

    @property
    def report_path(self) -> Path:
        """``report.html``."""
        return self.path / "report.html"

    @property
    def log_path(self) -> Path:
        """``log.jsonl``."""
        return self.path / "log.jsonl"

    def journal(self, read_only: bool = False) -> Journal:
        """Open the journal; a writer makes it if the run was stopped before it had one."""
        if not read_only and not self.journal_path.exists():
            return Journal.create(self.journal_path)
        return Journal.open(self.journal_path, read_only=read_only)

    def resolve(self, relative: str | Path) -> Path:
        """Resolve a path that must stay in the folder; see :func:`path_inside`."""
        return path_inside(self.path, relative)

    def design_path(self, design_id: str) -> Path:
        """Say where the design with this id is kept, whether or not it exists.

        Raises:
            InvalidValueError: If the id is no plain name.
            RunFolderError: If a link leads out of the folder.
        """
        return self.resolve(Path("designs", checked_design_id(design_id)))

    def discard(self) -> None:
        """Remove a run that never began, so that its folder can be used again; designs are never removed."""
        if self.designs_path.exists():
            return
        for pattern in (
            "config.yaml",
            "journal.db*",
            "log.jsonl",
            "latency_model.json",
            "lock",
            "cache/*",
            "weights/*",
        ):
            for path in self.path.glob(pattern):
                path.unlink()
        for folder in (self.path / "cache", self.weights_path, self.path):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def check_space(self, needed_bytes: int) -> None:
        """Refuse to begin what will not fit.

        Raises:
            RunFolderError: If fewer than ``needed_bytes`` are free.
        """
        if free_bytes_at(self.path) < needed_bytes:
            raise disk_full(self.path, needed_bytes)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one process that writes here; what a killed predecessor left half-written is removed.

        Raises:
            RunFolderError: If another process, or another part of this one, holds the lock.
        """
        descriptor = self._acquire()
        try:
            self._remove_leftovers()
            yield
        finally:
            if descriptor in _held_locks:  # a forked child has closed its copy
                _held_locks.discard(descriptor)
                os.close(descriptor)

    def _acquire(self) -> int:
        # Never unlinked: two processes could then hold locks on two files of the same name.
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise RunFolderError(
                f"{self.path} cannot be written: {error.strerror}. Use the account that made it, or copy the "
                "folder to where you may write.",
                path=str(self.path),
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.pread(descriptor, 32, 0).decode()
            os.close(descriptor)
            raise self._locked_by(pid) from error
        _held_locks.add(descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return descriptor

    def _locked_by(self, pid: str) -> RunFolderError:
        return RunFolderError(
            f"{self.path} is in use by process {pid or 'unknown'}. One process at a time may write a run. "
            "Wait for it or stop it, or choose another folder (--out).",
            path=str(self.path),
            pid=int(pid) if pid.isdigit() else None,
        )

    def _remove_leftovers(self) -> None:
        for leftover in self.path.rglob(TEMPORARY_FILES):
            leftover.unlink(missing_ok=True)


def checked_design_id(design_id: str) -> str:
    """Return the id if it may name a folder.

    Raises:
        InvalidValueError: If it has other characters than letters, digits, ``.``, ``_`` and ``-``, or
            begins with ``.``.
    """
    if not isinstance(design_id, str) or not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", design_id):
        raise InvalidValueError(
            f"{design_id!r} is no design id. Allowed are 1 to 100 letters, digits, '.', '_' and '-', "
            "not beginning with '.'. Use the name of a folder in designs/.",
            design_id=design_id,
        )
    return design_id
