import pytest

from penjing.study.config import SearchConfig
from penjing.study.phases import phases_of


def test_a_joint_search_is_one_phase_in_which_everything_varies() -> None:
    (phase,) = phases_of(SearchConfig())
    assert (phase.name, phase.share) == ("joint", 1.0)
    assert (phase.uniform, phase.carry) == ("", 0)


def test_a_sequential_search_hands_the_winners_of_one_precision_on() -> None:
    first, second = phases_of(SearchConfig(mode="sequential", carry=4, sequential_as="w8"))
    assert (first.name, first.uniform, first.carry) == ("architecture", "w8", 4)
    assert (second.name, second.uniform, second.carry) == ("compression", "", 0)


def test_an_iterative_search_goes_back_to_all_architectures() -> None:
    phases = phases_of(SearchConfig(mode="iterative", carry=3, sequential_as="w8"))
    assert [phase.uniform for phase in phases] == ["w8", "", "w8", ""]
    assert [phase.carry for phase in phases] == [3, 0, 3, 0]


def test_phases_of_ones_own_share_the_search_and_name_their_algorithms() -> None:
    asked = [
        {"name": "look", "share": 1, "algorithm": "random"},
        {"name": "narrow", "share": 2, "precision": "w8", "carry": 2},
        {"name": "compress"},
    ]
    phases = phases_of(SearchConfig.model_validate({"phases": asked, "algorithm": "evolution"}))
    assert [phase.share for phase in phases] == [0.25, 0.5, 0.25]
    assert [phase.algorithm for phase in phases] == ["random", "evolution", "evolution"]
    assert [(phase.uniform, phase.carry) for phase in phases] == [("", 0), ("w8", 2), ("", 0)]


@pytest.mark.parametrize("mode", ["joint", "sequential", "iterative", "adaptive"])
def test_the_phases_share_the_whole_search_and_have_different_names(mode: str) -> None:
    phases = phases_of(SearchConfig.model_validate({"mode": mode}))
    assert sum(phase.share for phase in phases) == pytest.approx(1.0)
    assert len({phase.name for phase in phases}) == len(phases)
