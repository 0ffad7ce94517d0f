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


@pytest.mark.parametrize("mode", ["joint", "sequential"])
def test_the_phases_share_the_whole_search_and_have_different_names(mode: str) -> None:
    phases = phases_of(SearchConfig.model_validate({"mode": mode}))
    assert sum(phase.share for phase in phases) == pytest.approx(1.0)
    assert len({phase.name for phase in phases}) == len(phases)
