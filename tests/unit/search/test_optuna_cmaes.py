"""What CMA-ES promises beyond the contract: that it learns, from whom, and what it cannot learn."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from optuna.samplers import CmaEsSampler

from penjing.objectives import hypervolume
from penjing.search import SearchProblem, searcher_named
from penjing.space import Candidate, Choice, Condition, SearchSpace

GOAL = (1, 6, 2, 5, 3, 4, 7, 0)
SPACE = SearchSpace([Choice(f"c{at}", tuple(range(8))) for at in range(len(GOAL))])
BOX = {"accuracy": (1.0, 0.0)}


def accuracy_of(candidate: Candidate) -> float:
    """The better, the nearer to the goal; some choices matter more than others."""
    errors = [(1 + at % 3) * (int(str(candidate[f"c{at}"])) - goal) ** 2 for at, goal in enumerate(GOAL)]
    return 1.0 - sum(errors) / 500


def size_of(candidate: Candidate) -> dict[str, float]:
    return {"size_bytes": 10.0 + sum(float(value) for value in candidate.values())}


def searched(
    algorithm: str, problem: SearchProblem, n: int, seed: int, accuracy: Callable[[Candidate], float]
) -> list[Candidate]:
    searcher = searcher_named(algorithm, problem)
    told: list[Candidate] = []
    while len(told) < n:
        for candidate in searcher.ask(2, np.random.default_rng([seed, len(told)])):
            searcher.tell(candidate, {"accuracy": accuracy(candidate)})
            told.append(candidate)
    return told


def wins(value: Callable[[Sequence[Candidate]], float], problem: SearchProblem, n: int) -> int:
    """In how many of ten seeds it beats random search; nine have p = 0.011 if neither were better."""
    found = [
        [value(searched(name, problem, n, seed, accuracy_of)) for name in ("optuna-cmaes", "random")]
        for seed in range(10)
    ]
    return sum(ours > theirs for ours, theirs in found)


def test_it_beats_random_search_with_80_evaluations() -> None:
    assert wins(lambda told: max(map(accuracy_of, told)), SearchProblem(SPACE, size_of, BOX), 80) >= 9


def test_it_beats_random_search_with_two_objectives() -> None:
    problem = SearchProblem(SPACE, size_of, {**BOX, "size_bytes": (10.0, 70.0)})

    def volume(told: Sequence[Candidate]) -> float:
        rows = [{**size_of(candidate), "accuracy": accuracy_of(candidate)} for candidate in told]
        return hypervolume(problem.points(rows), np.ones(2))

    assert wins(volume, problem, 120) >= 9


def test_it_learns_from_what_others_proposed() -> None:
    problem = SearchProblem(SPACE, size_of, BOX)
    searcher = searcher_named("optuna-cmaes", problem)
    rng = np.random.default_rng(0)
    others = [SPACE.sample(rng) for _ in range(100)]
    for candidate in others:
        searcher.tell(candidate, {"accuracy": accuracy_of(candidate)})
    proposed = [accuracy_of(candidate) for candidate in searcher.ask(20, rng)]
    assert np.mean(proposed) > np.quantile([accuracy_of(candidate) for candidate in others], 0.75)


def test_what_decides_may_exist_only_sometimes() -> None:
    """The distribution has the choice as a coordinate all the same; the mode, without order, is drawn."""
    flat, deep = ((Condition("mode", (mode,)),) for mode in ("flat", "deep"))
    letters = ("a", "b", "c", "d", "e")
    space = SearchSpace(
        [
            Choice("mode", ("flat", "deep"), ordered=False),
            *(Choice(f"flat{at}", letters, ordered=False, conditions=flat) for at in range(4)),
            *(Choice(f"deep{at}", tuple(range(8)), conditions=deep) for at in range(6)),
        ]
    )

    def accuracy(candidate: Candidate) -> float:
        deep = [float(value) for name, value in candidate.items() if name.startswith("deep")]
        return 0.1 + 0.8 * float(np.mean(deep)) / 7 if deep else 0.1

    told = searched("optuna-cmaes", SearchProblem(space, lambda _: {}, BOX), 120, 0, accuracy)
    late = [candidate for candidate in told[-40:] if candidate["mode"] == "deep"]
    assert 10 <= len(late) <= 30
    assert np.mean([accuracy(candidate) for candidate in late]) > 0.65  # 0.5 if they were drawn


def test_choices_without_order_are_drawn() -> None:
    space = SearchSpace([Choice(f"c{at}", ("a", "b", "c"), ordered=False) for at in range(4)])
    told = searched(
        "optuna-cmaes", SearchProblem(space, lambda _: {}, BOX), 60, 0, lambda c: float(c["c0"] == "a")
    )
    share = np.mean([candidate["c0"] == "a" for candidate in told])
    assert len({candidate.key for candidate in told}) == 60
    assert share == pytest.approx(1 / 3, abs=0.12)


def test_one_ordered_choice_is_enough() -> None:
    space = SearchSpace([Choice("width", tuple(range(40)))])
    told = searched(
        "optuna-cmaes",
        SearchProblem(space, lambda _: {}, BOX),
        24,
        0,
        lambda candidate: float(str(candidate["width"])) / 40,
    )
    assert len({candidate.key for candidate in told}) == 24


def test_optuna_is_told_every_generation_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each distribution follows on the one before, and none is left out."""
    restored: list[int] = []
    restore = CmaEsSampler._restore_optimizer

    def seen(self: CmaEsSampler, trials: list[object]) -> object:
        optimizer = restore(self, trials)
        restored.append(0 if optimizer is None else optimizer.generation)
        return optimizer

    monkeypatch.setattr(CmaEsSampler, "_restore_optimizer", seen)
    searched("optuna-cmaes", SearchProblem(SPACE, size_of, BOX), 45, 0, accuracy_of)
    assert sorted(set(restored)) == [0, 1, 2, 3, 4]  # of 4 + 3 ln 8, rounded down: ten
    assert restored == sorted(restored)
