"""One algorithm proposes, another one's model screens: any pair, by name."""

import numpy as np
import pytest

from penjing.errors import InvalidValueError, UnknownNameError
from penjing.search import SurrogateSearcher, expects_gains, searcher_class, searcher_named, trains_further
from penjing.search.evolution import EvolutionSearcher
from penjing.search.hybrid import HybridSearcher
from penjing.testing.searcher import conditional_problem

PAIR = "hybrid:evolution+surrogate"


def test_a_name_says_who_proposes_and_who_screens() -> None:
    made = searcher_named(PAIR, conditional_problem())
    assert isinstance(made, HybridSearcher)
    assert isinstance(made.proposer, EvolutionSearcher)
    assert isinstance(made.screener, SurrogateSearcher)


def test_what_is_proposed_is_what_the_screener_thinks_most_of_among_what_was_offered() -> None:
    made = searcher_named(PAIR, conditional_problem())
    assert isinstance(made, HybridSearcher)
    space, rng = conditional_problem().space, np.random.default_rng(0)
    for _ in range(12):
        candidate = space.sample(rng)
        made.tell(candidate, {"accuracy": 0.5 + 0.01 * len(candidate.key)})
    offered = made.proposer.ask(40, np.random.default_rng(1))
    assert made.ask(2, np.random.default_rng(1)) == made.screener.screened(offered, 2)
    assert made.expected_gain is not None


def test_a_pair_forecasts_and_does_not_train_further() -> None:
    assert expects_gains(PAIR)
    assert not trains_further(PAIR)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hybrid:evolution", "hybrid:PROPOSER[+]SCREENER"),
        ("hybrid:+surrogate", "hybrid:PROPOSER[+]SCREENER"),
        ("hybrid:hybrid+surrogate", "neither of them a hybrid"),
        ("hybrid:evolution+hybrid", "neither of them a hybrid"),
        ("hybrid:asha+surrogate", "'asha' cannot propose"),
        ("hybrid:auto+surrogate", "'auto' cannot propose"),
        (
            "hybrid:evolution+local",
            "'local' cannot screen .*lacks screened, has_model, expected_gain. Of ours bayesian, graph-predi",
        ),
        ("hybrid:evolution+multi-fidelity", "'multi-fidelity' cannot screen"),
    ],
)
def test_what_makes_no_pair_is_refused(name: str, says: str) -> None:
    with pytest.raises(InvalidValueError, match=says):
        searcher_class(name)


def test_an_unknown_one_of_a_pair_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'surrogate'"):
        searcher_class("hybrid:evolution+surogate")
