"""May this Penjing read that file? Every file of a run says its ``format_version``."""

from pathlib import Path
from typing import Any

from penjing.errors import FormatVersionError


def check_format_version(path: Path, found: Any, known: int) -> None:
    """Refuse a file whose format this Penjing does not know.

    Args:
        path: The file, for the message.
        found: The ``format_version`` it carries; None if it carries none.
        known: The newest version that can be read; all from 1 up to it can.

    Raises:
        FormatVersionError: If ``found`` is newer than ``known`` or no version at all.

    Example:
        >>> check_format_version(Path("config.yaml"), 1, known=1)
    """
    if type(found) is int and 1 <= found <= known:
        return
    readable = "1" if known == 1 else f"1 to {known}"
    facts = {"path": str(path), "found": found, "known": known}
    if type(found) is int and found > known:
        raise FormatVersionError(
            f"{path} has format_version {found}, from a newer Penjing; this one reads {readable}. "
            "Run: pip install --upgrade penjing.",
            **facts,
        )
    raise FormatVersionError(
        f"{path} has format_version {found!r}; this Penjing reads {readable}. "
        "The file is damaged or not Penjing's: restore it from a copy, or start a new run.",
        **facts,
    )
