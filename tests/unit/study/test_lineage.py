"""Which architectures were trained, for how long, and where their weights are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penjing.space import Candidate, Choice, SearchSpace
from penjing.store import Journal
from penjing.study.lineage import Lineage

SPACE = SearchSpace(
    [
        *(Choice(f"stage{i}.width", (4, 8, 16)) for i in range(4)),
        Choice("network.precision", ("fp32", "w8"), "compression", ordered=False),
    ]
)


def candidate(*widths: int, precision: str = "w8") -> Candidate:
    named = {f"stage{i}.width": width for i, width in enumerate(widths)}
    return SPACE.candidate({**named, "network.precision": precision})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.create(tmp_path / "journal.db") as made:
        yield made


def train(journal: Journal, lineage: Lineage, of: Candidate, epochs: float, parent_key: str = "") -> str:
    """What the search does for an evaluation that trains; the key of the weights that it made."""
    key = lineage.next_weights_key(of)
    seen = lineage.seen_before(of, parent_key) + epochs
    told(journal, of, epochs, seen, key)
    return key


def told(journal: Journal, of: Candidate, epochs: float, seen: float, weights_key: str) -> None:
    number = journal.next_number()
    journal.ask(number, "joint", "inherited", of.as_dict(), of.key)
    measured = {"accuracy": 0.8, "epochs": epochs, "seen_epochs": seen, "weights_key": weights_key}
    journal.tell(number, "done", measured, 1.0)


def test_nothing_is_known_before_the_first_training(journal: Journal) -> None:
    lineage = Lineage(journal, SPACE, 0)
    assert lineage.of(candidate(4, 4, 4, 4)) is None
    assert lineage.nearest(candidate(4, 4, 4, 4)) is None


def test_candidates_of_one_architecture_share_weights_whatever_their_precision(journal: Journal) -> None:
    lineage = Lineage(journal, SPACE, 0)
    key = train(journal, lineage, candidate(4, 8, 4, 8), epochs=0.5)
    other = lineage.of(candidate(4, 8, 4, 8, precision="fp32"))
    assert other is not None
    assert other.weights_key == key


def test_each_training_of_an_architecture_has_weights_of_its_own_and_adds_up(journal: Journal) -> None:
    lineage = Lineage(journal, SPACE, 0)
    mine = candidate(4, 8, 4, 8)
    first = train(journal, lineage, mine, epochs=0.5)
    second = train(journal, lineage, mine, epochs=0.5, parent_key=first)
    found = lineage.of(mine)
    assert found is not None
    assert first != second == found.weights_key
    assert (found.times, found.seen_epochs) == (2, pytest.approx(1.0))


def test_an_evaluation_that_trains_nothing_changes_nothing(journal: Journal) -> None:
    lineage = Lineage(journal, SPACE, 0)
    mine = candidate(4, 8, 4, 8)
    key = train(journal, lineage, mine, epochs=0.5)
    before = lineage.of(mine)
    assert lineage.seen_before(mine, key) == 0.5
    told(journal, candidate(4, 8, 4, 8, precision="fp32"), 0.0, 0.5, key)
    assert lineage.of(mine) == before


def test_what_is_only_judged_with_older_weights_does_not_bring_them_back(journal: Journal) -> None:
    """A batch may hold a contender and another of its architecture, which was asked with what there was."""
    lineage = Lineage(journal, SPACE, 0)
    mine = candidate(4, 8, 4, 8)
    first = train(journal, lineage, mine, epochs=0.5)
    second = train(journal, lineage, mine, epochs=0.5, parent_key=first)
    told(journal, candidate(4, 8, 4, 8, precision="fp32"), 0.0, 0.5, first)
    found = lineage.of(mine)
    assert found is not None
    assert (found.weights_key, found.seen_epochs) == (second, pytest.approx(1.0))


def test_two_of_a_batch_that_share_an_architecture_were_trained_once(journal: Journal) -> None:
    lineage = Lineage(journal, SPACE, 0)
    key = lineage.next_weights_key(candidate(4, 8, 4, 8))
    for precision in ("w8", "fp32"):
        told(journal, candidate(4, 8, 4, 8, precision=precision), 0.5, 0.5, key)
    found = lineage.of(candidate(4, 8, 4, 8))
    assert found is not None
    assert found.times == 1


def test_a_child_has_the_part_of_its_parents_training_that_its_choices_share(journal: Journal) -> None:
    lineage = Lineage(journal, SPACE, 0)
    train(journal, lineage, candidate(16, 16, 16, 16), epochs=9.0)
    parent = train(journal, lineage, candidate(4, 8, 4, 8), epochs=2.0)
    child = candidate(4, 8, 16, 16)
    nearest = lineage.nearest(candidate(4, 8, 4, 16))
    assert nearest is not None
    assert nearest.weights_key == parent
    assert lineage.seen_before(child, parent) == pytest.approx(0.5**2 * 2.0)
    assert lineage.seen_before(child, "") == 0.0


def test_another_seed_has_other_weights(journal: Journal) -> None:
    mine = candidate(4, 8, 4, 8)
    keys = {Lineage(journal, SPACE, seed).next_weights_key(mine) for seed in (0, 1)}
    assert len(keys) == 2


def test_a_training_starts_from_its_own_weights_else_from_the_nearest_if_it_may_inherit(
    journal: Journal,
) -> None:
    inheriting, alone = (Lineage(journal, SPACE, 0, inherits=inherits) for inherits in (True, False))
    mine, other = candidate(4, 8, 4, 8), candidate(4, 8, 4, 16)
    key = train(journal, inheriting, mine, epochs=0.5)
    for lineage in (inheriting, alone):
        assert lineage.start_key(mine) == key
    assert inheriting.start_key(other) == key
    assert alone.start_key(other) == ""


@pytest.mark.parametrize("weights_key", ["supernet", "of an older journal, and no file"])
def test_where_there_is_a_supernet_a_training_starts_from_it_until_an_architecture_was_trained(
    journal: Journal, weights_key: str
) -> None:
    journal.put("way", "supernet")
    journal.put("shared training", {"epochs": 4.0})
    lineage = Lineage(journal, SPACE, 0)
    mine, other = candidate(4, 8, 4, 8), candidate(4, 8, 4, 16)
    told(journal, mine, 0.0, 4.0, weights_key)
    assert lineage.start_key(mine) == lineage.start_key(other) == "supernet"
    assert lineage.seen_before(mine, "supernet") == 4.0
    key = train(journal, lineage, mine, epochs=1.5, parent_key="supernet")
    found = lineage.of(mine)
    assert found is not None
    assert (found.weights_key, found.own_epochs, found.seen_epochs) == (key, 1.5, 5.5)
    assert lineage.start_key(mine) == key
    assert lineage.start_key(other) == "supernet"
