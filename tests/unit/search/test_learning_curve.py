"""The power law between short and long trainings, and its part in the surrogate."""

import numpy as np
import pytest
from tests.unit.search.test_algorithms import SPACE, accuracy_of, problem

from penjing.search import SurrogateSearcher, expected_accuracy


def test_without_further_training_nothing_is_expected_to_change() -> None:
    assert expected_accuracy(0.8, seen_epochs=2.0, further_epochs=0.0) == pytest.approx(0.8)


def test_32_times_the_training_halves_the_error() -> None:
    assert expected_accuracy(0.8, seen_epochs=1.0, further_epochs=31.0) == pytest.approx(0.9)


def test_the_surrogate_expects_the_end_of_the_curve() -> None:
    """Told accuracies of networks that were trained for different times, as the power law has them."""
    searcher = SurrogateSearcher(problem(), n_initial=1)
    final = 16.0
    for i in range(40):
        seen = float(np.random.default_rng([3, i]).uniform(0.5, 4.0))
        candidate = SPACE.sample(np.random.default_rng([4, i]))
        error = (1.0 - accuracy_of(candidate)) * (final / seen) ** 0.2
        searcher.tell(candidate, {"accuracy": 1.0 - error, "seen_epochs": seen})
    searcher.further_epochs = lambda candidate: final
    fresh = [SPACE.sample(np.random.default_rng([5, i])) for i in range(100)]
    truth = [accuracy_of(candidate) for candidate in fresh]
    assert abs(np.median(searcher.predicted(fresh) - truth)) < 0.03
    searcher.further_epochs = lambda candidate: 0.0
    assert np.median(searcher.predicted(fresh) - truth) < -0.03
