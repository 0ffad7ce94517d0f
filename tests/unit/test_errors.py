import copy
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from penjing import errors
from penjing.errors import PenjingError, missing_extra, unknown_name

CLASSES = [PenjingError, *PenjingError.__subclasses__()]


@pytest.fixture(scope="module")
def worker() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_survives_a_worker(kind: type[PenjingError], worker: ProcessPoolExecutor) -> None:
    error = kind("keep must be in (0, 1], got 1.5.", keep=1.5, allowed=[0, 1])
    again = worker.submit(copy.copy, error).result()
    assert type(again) is kind
    assert (str(again), again.message, again.facts) == (str(error), error.message, error.facts)
    assert str(again) == "keep must be in (0, 1], got 1.5."


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.InvalidValueError, ValueError),
        (errors.ShapeError, ValueError),
        (errors.UnknownNameError, LookupError),
        (errors.ConfigError, ValueError),
        (errors.DataError, ValueError),
        (errors.InfeasibleError, ValueError),
        (errors.RunFolderError, OSError),
        (errors.FormatVersionError, ValueError),
        (errors.MissingExtraError, ImportError),
        (errors.ArtifactError, RuntimeError),
        (errors.EvaluationError, RuntimeError),
    ],
)
def test_every_error_is_the_builtin_that_a_user_expects(
    kind: type[PenjingError], builtin: type[Exception]
) -> None:
    assert issubclass(kind, builtin)


def test_the_builtins_are_stated_for_every_class() -> None:
    assert len(CLASSES) == 12


def test_an_unknown_name_gets_the_nearest_known_one() -> None:
    error = unknown_name("precision", "w8a9", ["w4", "w8a8", "fp32"])
    assert str(error) == "No precision is named 'w8a9'. Did you mean 'w8a8'? Known: fp32, w4, w8a8."
    assert error.facts == {"kind": "precision", "name": "w8a9", "known": ["fp32", "w4", "w8a8"]}


def test_a_name_like_no_other_gets_no_guess() -> None:
    assert str(unknown_name("choice", "zzz", ["a"])) == "No choice is named 'zzz'. Known: a."


def test_an_empty_list_of_names_is_said_to_be_empty() -> None:
    assert str(unknown_name("choice", "a", [])) == "No choice is named 'a'. Known: none."


def test_a_missing_extra_says_what_to_run() -> None:
    error = missing_extra("Export to litert", "LiteRT", "litert")
    assert str(error) == (
        "Export to litert needs LiteRT, which is not installed. Run: pip install 'penjing[litert]'."
    )
    assert error.facts == {"package": "LiteRT", "extra": "litert"}
