"""How many designs are finished, which, and what they may expect; trials are told, nothing is trained."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.unit.study.small_study import small_study

from penjing.objectives import expected_accuracy, saturation_epochs
from penjing.space import Candidate
from penjing.study import finalists, prospects
from penjing.study.choosing import Choosing
from penjing.study.finalists import FinalistRounds
from penjing.study.prospects import (
    ENOUGH_FINALISTS,
    FEWEST_FINALISTS,
    FIRST_EPOCHS,
    FIRST_EPOCHS_OF_THE_BEST,
    MOST_FINALISTS,
    MOST_TO_TRADE,
    relative_time,
)
from penjing.study.study import Study

BOX = {"accuracy": (0.995, 0.6), "size_bytes": (500.0, 20_000.0)}


def tell(study: Study, candidate: Candidate, accuracy: float, seconds: float = 1.0) -> None:
    """Record a brief training of one pass, at the pace of so many seconds."""
    key = study.lineage.next_weights_key(candidate)
    number = study.journal.next_number()
    study.journal.ask(number, "joint", "inherited", candidate.as_dict(), candidate.key)
    measured = {
        "accuracy": accuracy,
        "epochs": 1.0,
        "seen_epochs": 1.0,
        "weights_key": key,
        "costs": study.pipeline.costs(candidate),
    }
    study.journal.tell(number, "done", measured, seconds)


def tell_some(study: Study, n: int = 12, seconds: float = 1.0) -> list[Candidate]:
    study.box.values = dict(BOX)
    drawn = [study.pipeline.space.sample(np.random.default_rng([1, i])) for i in range(n)]
    for i, candidate in enumerate(drawn):
        tell(study, candidate, 0.70 + 0.01 * i, seconds)
    return drawn


@pytest.mark.parametrize(
    ("pace_s", "objectives", "expected"),
    [
        (0.01, ["accuracy", "size_bytes"], MOST_TO_TRADE),
        (0.01, ["accuracy"], MOST_FINALISTS),
        (1000.0, ["accuracy", "size_bytes"], FEWEST_FINALISTS),
    ],
)
def test_as_many_designs_are_finished_as_can_be_trained(
    tmp_path: Path, pace_s: float, objectives: list[str], expected: int
) -> None:
    with small_study(tmp_path / "run", budget="10 min", objectives=objectives) as study:
        tell_some(study, seconds=pace_s)
        assert FinalistRounds(study)._planned()[:2] == (expected, expected)


@pytest.mark.parametrize(("wants_trade_offs", "epochs"), [(False, FIRST_EPOCHS), (True, FIRST_EPOCHS / 2)])
def test_between_few_and_many_the_first_rung_gives_each_design_a_few_passes(
    tmp_path: Path, wants_trade_offs: bool, epochs: float
) -> None:
    box = {} if wants_trade_offs else {"hypervolume_box": {"accuracy": [0.6, 0.995]}}
    with small_study(tmp_path / "run", budget="10 min", **box) as study:
        tell_some(study, seconds=6.0)
        n = FinalistRounds(study)._planned()[0]
        assert FEWEST_FINALISTS < n < study.prospects.most_finalists
        assert n >= ENOUGH_FINALISTS or not wants_trade_offs
        needed_s = epochs * sum(study.prospects.seconds_per_epoch(c) for c in Choosing(study).chosen(n))
        assert needed_s <= 0.4 * 600.0 * study.workers


def test_where_the_best_is_looked_for_the_first_rung_is_longer_for_fewer_designs(tmp_path: Path) -> None:
    with small_study(tmp_path / "run", budget="10 min", objectives=["accuracy"]) as study:
        tell_some(study, seconds=3.5)
        n = FinalistRounds(study)._planned()[0]
        assert FEWEST_FINALISTS < n < MOST_FINALISTS
        each = [study.prospects.seconds_per_epoch(c) for c in Choosing(study).chosen(n + 1)]
        assert FIRST_EPOCHS_OF_THE_BEST * sum(each[:n]) <= 0.4 * 600.0 * study.workers
        assert FIRST_EPOCHS_OF_THE_BEST * sum(each) > 0.4 * 600.0 * study.workers


@pytest.mark.parametrize(
    ("objectives", "pace_s", "is_long"),
    [(["accuracy"], 0.01, True), (["accuracy"], 1000.0, False), (["accuracy", "size_bytes"], 0.01, False)],
)
def test_the_most_accurate_is_regularised_where_its_training_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, objectives: list[str], pace_s: float, is_long: bool
) -> None:
    monkeypatch.setattr(prospects, "_LEAST_PARAMETERS", 0)
    said = {"objectives": objectives, "finalists": {"epochs": 1e5}}
    with small_study(tmp_path / "run", budget="10 min", **said) as study:
        drawn = tell_some(study, seconds=pace_s)
        rounds = FinalistRounds(study)
        training = [seat.candidate for seat in rounds._seats(rounds.first, 6, 5.0)]
        assert all(study.prospects.is_trained_long(candidate) == is_long for candidate in drawn)
    choices = [(one["training.weight_decay"], one["training.label_smoothing"]) for one in training]
    assert (set(choices) == {(5e-4, 0.1)}) == is_long


def test_what_is_configured_is_finished(tmp_path: Path) -> None:
    with small_study(tmp_path / "run", budget="10 min", finalists={"count": 3}) as study:
        tell_some(study, seconds=1000.0)
        assert FinalistRounds(study)._planned()[0] == 3


def test_accuracies_are_expected_to_grow_with_the_training_that_is_left(tmp_path: Path) -> None:
    with small_study(tmp_path / "run", finalists={"epochs": 31.0}) as study:
        tell_some(study)
        trial = study.inherited_trials()[0]
        assert study.prospects.further_epochs()(Candidate(trial.candidate)) == 31.0
        further = expected_accuracy(0.7, 1.0, 31.0, saturation_epochs(study.facts.n_train))
        assert study.prospects.row(trial)["accuracy"] == pytest.approx(further)
        assert further > 0.85


def test_a_candidate_that_was_trained_further_counts_once_as_it_was_the_last_time(tmp_path: Path) -> None:
    with small_study(tmp_path / "run") as study:
        drawn = tell_some(study, n=3)
        tell(study, drawn[0], 0.95)
        trials = study.inherited_trials()
        chosen = Choosing(study).most_volume(trials, [study.row(t) for t in trials], 4)
        assert sorted(t.key for t in chosen) == sorted(c.key for c in drawn)
        assert max(t.measurements["accuracy"] for t in chosen if t.key == drawn[0].key) == 0.95


def test_where_a_clock_decides_large_networks_get_fewer_passes(tmp_path: Path) -> None:
    with small_study(tmp_path / "run", budget="10 min") as study:
        drawn = sorted(tell_some(study, seconds=60.0), key=lambda c: study.pipeline.costs(c)["macs"])
        epochs = [study.prospects.further_epochs()(candidate) for candidate in drawn]
        assert epochs == sorted(epochs, reverse=True)
        assert epochs[0] > epochs[-1]


def test_a_faster_network_takes_less_time(tmp_path: Path) -> None:
    with small_study(tmp_path / "run") as study:
        drawn = sorted(tell_some(study), key=lambda c: study.pipeline.costs(c)["macs"])
        seconds = [study.prospects.seconds_per_epoch(c) for c in drawn]
        assert seconds == sorted(seconds)
        assert seconds[0] < seconds[-1]


@pytest.mark.parametrize("batch_size", [None, 256])
def test_larger_steps_spare_small_networks_most_of_the_time(tmp_path: Path, batch_size: int | None) -> None:
    with small_study(tmp_path / "run", finalists={"batch_size": batch_size}) as study:
        small, large = ({"macs": macs} for macs in (5e4, 5e5))
        takes = [study.prospects.finalist_time(costs) / relative_time(costs) for costs in (small, large)]
        if batch_size is None:  # too few images for larger steps
            assert takes == [1.0, 1.0]
        else:
            assert takes[0] < 0.7
            assert takes[1] > 1.0


def test_large_networks_take_the_steps_of_short_trainings(tmp_path: Path) -> None:
    with small_study(tmp_path / "run") as study:
        study.pipeline.facts = replace(study.facts, n_train=25_600)
        takes = {
            macs: study.prospects.finalist_time({"macs": macs}) / relative_time({"macs": macs})
            for macs in (5e4, 5e5, 5e6)
        }
    assert takes[5e4] < 0.7
    assert takes[5e5] == takes[5e6] == 1.0


def test_the_box_is_settled_by_the_best_accuracy_that_is_expected(tmp_path: Path) -> None:
    with small_study(tmp_path / "run", finalists={"epochs": 31.0}) as study:
        drawn = tell_some(study, n=7)
        problem = study.problem(study.pipeline.space)
        study.settle_box(problem)
        assert study.box.values == BOX  # too early
        tell(study, drawn[0], 0.80)
        study.settle_box(problem)
        least = 1.0 - expected_accuracy(0.8, 1.0, 31.0, saturation_epochs(study.facts.n_train))
        expected = (1 - least / 2, 1 - 2.5 * least)
        assert study.box.values["accuracy"] == pytest.approx(expected)
        assert problem.box == study.box.values
        assert [tuple(pair) for pair in study.journal.get("box").values()] == list(study.box.values.values())
        tell(study, drawn[1], 0.99)
        study.settle_box(problem)
        assert study.box.values["accuracy"] == pytest.approx(expected)


@pytest.mark.parametrize(
    "said", [{"hypervolume_box": {"accuracy": [0.6, 0.995]}}, {"constraints": ["accuracy >= 90 %"]}]
)
def test_a_range_of_accuracies_that_was_stated_is_kept(tmp_path: Path, said: dict[str, object]) -> None:
    with small_study(tmp_path / "run", **said) as study:
        tell_some(study)
        study.settle_box(study.problem(study.pipeline.space))
        assert study.box.values == BOX


def test_a_large_design_begins_anew_where_the_first_rung_is_long_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_study(tmp_path / "run", budget="10 min") as study:
        candidate = tell_some(study, n=1)[0]
        seated = Candidate({**candidate, **study.pipeline.default_training()})
        rounds, kept = FinalistRounds(study), study.lineage.of(candidate)
        assert kept is not None
        small = rounds._first_seat(seated, epochs=100.0)
        monkeypatch.setattr(finalists, "_FRESH_ABOVE_PARAMETERS", 0)
        long, brief = (rounds._first_seat(seated, epochs) for epochs in (100.0, 1.5))
    assert (small.start_key, small.seen_epochs) == (kept.weights_key, 1.0)
    assert (long.start_key, long.seen_epochs) == ("", 0.0)
    assert brief == small


def test_costs_that_were_asked_for_before_the_latency_model_was_known_are_asked_for_again(
    tmp_path: Path,
) -> None:
    with small_study(tmp_path / "run") as study:
        candidate = study.pipeline.space.sample(np.random.default_rng(0))
        assert "latency_ms" not in study.pipeline.costs(candidate)
        study.pipeline.latency_ms = lambda blueprint: 0.5
        costs = study.pipeline.costs(candidate)
        costs["size_bytes"] = 0.0
        assert study.pipeline.costs(candidate)["latency_ms"] == 0.5
        assert study.pipeline.costs(candidate)["size_bytes"] > 0


def finish(study: Study, phase: str, candidate: Candidate, fidelity: str, weights_key: str) -> None:
    number = study.journal.next_number()
    study.journal.ask(number, phase, fidelity, candidate.as_dict(), candidate.key)
    measured = {
        "accuracy": 0.9,
        "costs": study.pipeline.costs(candidate),
        "weights_key": weights_key,
        "seen_epochs": 5.0,
        "facts": {"recipe": {"epochs": 5.0}, "training_s": 1.0},
    }
    study.journal.tell(number, "done", measured, 1.0)


def test_an_extension_takes_new_designs_and_lets_those_go_on_that_got_no_time(tmp_path: Path) -> None:
    with small_study(tmp_path / "run", budget="10 min") as study:
        drawn = tell_some(study, n=8)
        trained, waiting = list(dict.fromkeys(drawn))[:2]
        for candidate, ends_with in ((trained, "more"), (waiting, "first")):
            finish(study, "finalists, first rung", candidate, "rung", "first")
            finish(study, "finalists", candidate, "final", ends_with)
        study.extension = 1
        rounds = FinalistRounds(study)
        assert [trial.key for trial in rounds._waiting()] == [waiting.key]
        seats = rounds._seats(rounds.first, 4, 5.0)
        assert len(seats) == 4
        assert not {trained, waiting} & {seat.without_training for seat in seats}


def test_the_first_stretch_has_nobody_waiting(tmp_path: Path) -> None:
    with small_study(tmp_path / "run", budget="10 min") as study:
        candidate = tell_some(study, n=4)[0]
        finish(study, "finalists, first rung", candidate, "rung", "first")
        assert FinalistRounds(study)._waiting() == []


def test_designs_share_their_time_evenly_only_where_trade_offs_are_wanted(tmp_path: Path) -> None:
    for i, (said, expected) in enumerate(
        [
            ({}, True),
            ({"objectives": ["accuracy"]}, False),
            ({"hypervolume_box": {"accuracy": [0.6, 0.995]}}, False),
        ]
    ):
        with small_study(tmp_path / str(i), **said) as study:
            assert Choosing(study).wants_trade_offs is expected


@pytest.mark.parametrize(
    ("n_train", "said", "expected"), [(25_600, None, 256), (25_599, None, 128), (25_600, 64, 64)]
)
def test_finalists_take_larger_steps_where_there_are_enough_of_them(
    tmp_path: Path, n_train: int, said: int | None, expected: int
) -> None:
    finalists = {} if said is None else {"batch_size": said}
    with small_study(tmp_path / "run", finalists=finalists) as study:
        study.pipeline.facts = replace(study.facts, n_train=n_train)
        assert study.pipeline.finalist_batch_size == expected
