"""Penjing finds the network that fits a device.

It searches architecture, training and compression as one space, under your
constraints, and hands over files that were measured on the runtime that runs
them.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from penjing.study.api import Result, search

__all__ = ["Result", "__version__", "search"]


def __getattr__(name: str) -> Any:
    # The search needs torch; `import penjing` must stay fast and work without it.
    if name in ("Result", "search"):
        from penjing.study import api

        return getattr(api, name)
    raise AttributeError(f"module 'penjing' has no attribute {name!r}")
