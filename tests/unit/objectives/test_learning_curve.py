"""The power law between short and long trainings, and its part in the surrogate."""

import numpy as np
import pytest
from tests.unit.search.test_algorithms import SPACE, accuracy_of, problem

from penjing.objectives import ERROR_EXPONENT, expected_accuracy, saturation_epochs
from penjing.search import SurrogateSearcher


def test_without_further_training_nothing_is_expected_to_change() -> None:
    assert expected_accuracy(0.8, seen_epochs=2.0, further_epochs=0.0) == pytest.approx(0.8)


def test_errors_fall_as_a_power_of_the_training() -> None:
    assert expected_accuracy(0.8, 1.0, 31.0, exponent=0.2) == pytest.approx(0.9)


def test_a_training_saturates() -> None:
    """Twice the training is worth the less the longer it was, and never more than the power law has it."""
    gains = [expected_accuracy(0.8, seen, seen, saturates=10.0) - 0.8 for seen in (0.1, 1.0, 10.0, 100.0)]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] < expected_accuracy(0.8, 1.0, 1.0) - 0.8
    assert gains[-1] < 0.01


def test_few_examples_are_passed_more_often_before_that() -> None:
    assert saturation_epochs(54_000) == saturation_epochs(20_000) == 10.0
    assert saturation_epochs(1_000) == 200.0


def test_the_surrogate_expects_the_end_of_the_curve() -> None:
    """Told accuracies of networks that were trained for different times, as the power law has them."""
    searcher = SurrogateSearcher(problem(), n_initial=1)
    final = 16.0
    for i in range(40):
        seen = float(np.random.default_rng([3, i]).uniform(0.5, 4.0))
        candidate = SPACE.sample(np.random.default_rng([4, i]))
        error = (1.0 - accuracy_of(candidate)) * (final / seen) ** ERROR_EXPONENT
        searcher.tell(candidate, {"accuracy": 1.0 - error, "seen_epochs": seen})
    searcher.further_epochs = lambda candidate: final
    fresh = [SPACE.sample(np.random.default_rng([5, i])) for i in range(100)]
    truth = [accuracy_of(candidate) for candidate in fresh]
    assert abs(np.median(searcher.predicted(fresh) - truth)) < 0.03
    searcher.further_epochs = lambda candidate: 0.0
    assert np.median(searcher.predicted(fresh) - truth) < -0.03
