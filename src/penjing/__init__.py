"""Penjing finds the network that fits a device.

It searches architecture, training and compression as one space, under your
constraints, and hands over files that were measured on the runtime that runs
them.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from penjing.study.api import Result, load, resume, search

__all__ = ["Result", "__version__", "load", "resume", "search"]


def _door() -> ModuleType:
    try:
        return import_module("penjing.study.api")
    except ModuleNotFoundError as error:
        from penjing.errors import explained_import

        raise explained_import(error) from None


class _Package(ModuleType):
    """Gives the function ``penjing.search``, loaded when it is first used.

    ``import penjing`` must stay fast and work without torch, and the import of
    the room ``penjing.search`` must not put the room in the function's place.
    """

    @property
    def search(self) -> Any:
        return _door().search

    @search.setter
    def search(self, room: ModuleType) -> None:
        """Leave the function where it is; the room is found by its full name."""

    @property
    def resume(self) -> Any:
        return _door().resume

    @property
    def load(self) -> Any:
        return _door().load

    @property
    def Result(self) -> Any:  # noqa: N802
        return _door().Result


sys.modules[__name__].__class__ = _Package
