"""The log of a run as JSON lines: one record per line, each line a whole, across processes and kills."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penjing.errors import InvalidValueError
from penjing.store.files import plain

LOG_FORMAT_VERSION = 1

_OWN_ATTRIBUTES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class JsonLinesHandler(logging.Handler):
    """Append log records to ``log.jsonl``; what is passed as ``extra=`` is kept under ``facts``.

    A line has ``format_version``, ``time`` (UTC), ``level``, ``logger``, ``message``, ``facts`` and, after
    ``logger.exception``, ``exception``. Facts that JSON cannot write are kept as their ``repr``. A line is
    handed over in one piece; a line torn by a kill is ended before the next.

    Args:
        path: The file; made if need be, with its folder.
        level: The lowest level that is kept.

    Example:
        >>> import tempfile
        >>> record = logging.makeLogRecord({"name": "penjing", "msg": "told", "trial": 7})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     handler = JsonLinesHandler(f"{folder}/log.jsonl")
        ...     handler.handle(record)
        ...     handler.close()
        ...     json.loads(Path(folder, "log.jsonl").read_text())["facts"]
        True
        {'trial': 7}
    """

    def __init__(self, path: str | Path, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab", buffering=0)
        if _ends_torn(self.path):
            self._file.write(b"\n")

    def emit(self, record: logging.LogRecord) -> None:
        """Append one record; like every handler, it reports its own failure through ``handleError``."""
        try:
            line = json.dumps(self._content(record))
            self._file.write(f"{line}\n".encode())
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        self._file.close()
        super().close()

    def _content(self, record: logging.LogRecord) -> dict[str, Any]:
        content: dict[str, Any] = {
            "format_version": LOG_FORMAT_VERSION,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "facts": {
                name: _writable(value)
                for name, value in record.__dict__.items()
                if name not in _OWN_ATTRIBUTES
            },
        }
        if record.exc_info:
            content["exception"] = logging.Formatter().formatException(record.exc_info)
        return content


def _ends_torn(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size == 0:
            return False
        file.seek(size - 1)
        return file.read(1) != b"\n"


def _writable(value: Any) -> Any:
    try:
        return plain(value)
    except InvalidValueError:
        return repr(value)
