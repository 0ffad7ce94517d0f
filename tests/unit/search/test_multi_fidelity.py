"""What two fidelities learn from each other."""

import numpy as np
import pytest
from scipy.stats import norm

from penjing.search.multi_fidelity import MultiFidelitySearcher
from penjing.search.problem import SearchProblem
from penjing.space import Candidate, Choice, SearchSpace

SPACE = SearchSpace([Choice(name, ("a", "b", "c", "d"), ordered=False) for name in ("u", "v", "w", "x")])
PROBLEM = SearchProblem(SPACE, lambda candidate: {}, {"accuracy": (1.0, 0.0)}, is_exact=True, lengths=(1, 10))
EVERY = list(SPACE.every_candidate())


def hidden(seed: int) -> dict[str, float]:
    """Values that choices say nothing about."""
    drawn = np.random.default_rng(seed).uniform(0.2, 0.9, len(EVERY))
    return dict(zip((candidate.key for candidate in EVERY), drawn.tolist(), strict=True))


def taught(short: dict[str, float], long: dict[str, float], n: int, n_long: int) -> MultiFidelitySearcher:
    searcher = MultiFidelitySearcher(PROBLEM)
    for candidate in EVERY[:n]:
        searcher.tell(candidate, {"accuracy": short[candidate.key]})
    for candidate in EVERY[:n_long]:
        searcher.tell(candidate, {"accuracy": long[candidate.key]})
    return searcher


def test_where_a_short_training_says_all_its_best_is_trained_for_long() -> None:
    short = hidden(0)
    searcher = taught(short, {key: 0.5 * value + 0.4 for key, value in short.items()}, n=60, n_long=20)
    best = max(EVERY[20:60], key=lambda candidate: short[candidate.key])
    rng = np.random.default_rng(0)
    promoted = searcher.promoted(4, rng)
    assert promoted[0] == (best, 10)
    # It says nothing of those of whom nothing was told.
    assert not {candidate.key for candidate in searcher.ask(4, rng)} & {c.key for c in EVERY[:60]}


def test_where_a_short_training_says_nothing_its_best_is_as_good_as_any_other() -> None:
    places = []
    for seed in range(8):
        searcher = taught(hidden(seed), hidden(100 + seed), n=60, n_long=20)
        waiting = sorted(EVERY[20:60], key=lambda candidate: -hidden(seed)[candidate.key])
        chosen = [candidate for candidate, _ in searcher.promoted(8, np.random.default_rng(0))]
        places += [waiting.index(candidate) for candidate in chosen]
    assert len(places) >= 8
    assert np.mean(places) == pytest.approx(len(EVERY[20:60]) / 2, abs=8)


def test_the_best_of_short_trainings_come_first_until_there_is_a_model() -> None:
    short = hidden(1)
    searcher = taught(short, short, n=19, n_long=0)
    rng = np.random.default_rng(0)
    assert searcher.promoted(3, rng) == []
    searcher.tell(EVERY[19], {"accuracy": short[EVERY[19].key]})
    best = sorted(EVERY[:20], key=lambda candidate: -short[candidate.key])
    assert [candidate for candidate, _ in searcher.promoted(3, rng)] == best[:3]
    for candidate in best[:3]:
        searcher.tell(candidate, {"accuracy": 0.5})
    assert [candidate for candidate, _ in searcher.promoted(9, rng)] == best[3:5]


def test_whoever_may_not_be_trained_is_not_promoted() -> None:
    part = SearchSpace([Choice("u", ("a",), ordered=False), *list(SPACE)[1:]])
    searcher = MultiFidelitySearcher(PROBLEM.within(part))
    short = hidden(2)
    drawn = [EVERY[at] for at in np.random.default_rng(0).permutation(len(EVERY))[:40]]
    for candidate in drawn:
        searcher.tell(candidate, {"accuracy": short[candidate.key]})
    promoted = [candidate for candidate, _ in searcher.promoted(5, np.random.default_rng(0))]
    assert len(promoted) == 5
    assert all(candidate["u"] == "a" for candidate in promoted)


def test_what_is_expected_is_the_mean_over_what_a_short_training_may_give() -> None:
    """Against a sum over many values in place of three."""
    short = hidden(3)
    long = {key: 0.3 + 0.6 * value**2 for key, value in short.items()}
    searcher = taught(short, long, n=80, n_long=30)
    above = searcher._long
    model, described = above.model(), above.describe(EVERY[100:110])
    expected = model.expect(described)
    brief = above._brief.model()
    first = brief.expect(described.described)
    values = norm.ppf((np.arange(400) + 0.5) / 400)
    parts = []
    for value in values:
        earlier = first.mean + value * np.sqrt(first.variance + brief.noise)
        known = {candidate.key: float(e) for candidate, e in zip(EVERY[100:110], earlier, strict=True)}
        parts.append(type(model)(brief, known, model._process).expect(described))
    mean = np.mean([part.mean for part in parts], axis=0)
    second = np.mean([part.variance + part.mean**2 for part in parts], axis=0)
    assert expected.mean == pytest.approx(mean, abs=0.08)
    assert expected.variance == pytest.approx(second - mean**2, rel=0.3)  # three points are few


def test_a_search_that_was_asked_in_between_goes_on_like_one_that_was_not() -> None:
    short, rng = hidden(4), np.random.default_rng
    told: list[tuple[Candidate, float]] = []
    first = MultiFidelitySearcher(PROBLEM)
    for ask in range(30):
        again = [candidate for candidate, _ in first.promoted(3, rng(ask))]
        for candidate in (*again, *first.ask(3 - len(again), rng(ask))):
            first.tell(candidate, {"accuracy": short[candidate.key]})
            told.append((candidate, short[candidate.key]))
    rebuilt = MultiFidelitySearcher(PROBLEM)
    for candidate, value in told:
        rebuilt.tell(candidate, {"accuracy": value})
    assert rebuilt.promoted(3, rng(99)) == first.promoted(3, rng(99))
    assert rebuilt.ask(3, rng(99)) == first.ask(3, rng(99))
