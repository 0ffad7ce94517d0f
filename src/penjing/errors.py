"""Errors say what was asked, what is allowed and what to do; the facts are attributes.

Every class also inherits the builtin that a Python user would expect, so
``except ValueError`` keeps working. All of them survive pickling, because an
error raised in a worker process has to reach the user unharmed.
"""

import difflib
from collections.abc import Iterable
from typing import Any


def _rebuild(kind: type["PenjingError"], message: str, facts: dict[str, Any]) -> "PenjingError":
    return kind(message, **facts)


class PenjingError(Exception):
    """Any error that Penjing raises on purpose.

    Args:
        message: One to three sentences, in the user's words.
        **facts: The same in parts, for programs: kept in ``facts``.
    """

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.facts)


class InvalidValueError(PenjingError, ValueError):
    """A value is outside what is allowed."""


class ShapeError(PenjingError, ValueError):
    """An array has the wrong shape."""


class UnknownNameError(PenjingError, LookupError):
    """A name is not known; use :func:`unknown_name` to build the message."""


class ConfigError(PenjingError, ValueError):
    """The configuration file cannot be used as it is."""


class DataError(PenjingError, ValueError):
    """The data cannot be used as they are."""


class InfeasibleError(PenjingError, ValueError):
    """No design can meet the constraints."""


class RunFolderError(PenjingError, OSError):
    """The run folder cannot be used for what was asked."""


class FormatVersionError(PenjingError, ValueError):
    """A file was written by a version of Penjing that this one cannot read."""


class MissingExtraError(PenjingError, ImportError):
    """An optional dependency is needed; use :func:`missing_extra` to build the message."""


class ArtifactError(PenjingError, RuntimeError):
    """An artifact does not do what its blueprint says."""


class EvaluationError(PenjingError, RuntimeError):
    """Candidates could not be evaluated."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ask for the nearest known name, whatever its case, to go on a sentence; empty where none is near.

    Example:
        >>> did_you_mean("ASHA", ["asha", "auto"])
        " Did you mean 'asha'?"
    """
    in_small_letters = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), in_small_letters, n=1)
    return f" Did you mean {in_small_letters[near[0]]!r}?" if near else ""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Say that ``name`` is not a known ``kind``, with the nearest known name.

    Example:
        >>> str(unknown_name("method", "magnitud", ["magnitude"]))
        "No method is named 'magnitud'. Did you mean 'magnitude'? Known: magnitude."
    """
    names = sorted(known)
    message = f"No {kind} is named {name!r}.{did_you_mean(name, names)} Known: {', '.join(names) or 'none'}."
    return UnknownNameError(message, kind=kind, name=name, known=names)


def missing_extra(purpose: str, package: str, extra: str) -> MissingExtraError:
    """Say which extra brings the package that ``purpose`` needs.

    Example:
        >>> str(missing_extra("Training", "torch", "search"))
        "Training needs torch, which is not installed. Run: pip install 'penjing[search]'."
    """
    message = f"{purpose} needs {package}, which is not installed. Run: pip install 'penjing[{extra}]'."
    return MissingExtraError(message, package=package, extra=extra)


# What needs a module, the package that has it, the extra that brings it.
_OF_EXTRAS = {
    "torch": ("Training", "torch", "search"),
    "joblib": ("Training", "joblib", "search"),
    "safetensors": ("Training", "safetensors", "search"),
    "scipy": ("Training", "scipy", "search"),
    "sklearn": ("Training", "scikit-learn", "search"),
    "optuna": ("An export to Optuna", "optuna", "optuna"),
}


def explained_import(error: ModuleNotFoundError) -> Exception:
    """Say what to install if a package of an extra is missing; else the error as it is."""
    if error.name not in _OF_EXTRAS:
        return error
    return missing_extra(*_OF_EXTRAS[error.name])
