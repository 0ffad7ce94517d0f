"""A contract that nothing can break proves nothing: each of these breaks one promise."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from penjing.blueprint import Blueprint, InputSpec
from penjing.compression.quantization.method import Quantization
from penjing.families.convolutional import ConvolutionalFamily
from penjing.protocols import Abilities, Block, FloatArray, QuantizationScheme
from penjing.space import Candidate, Choice, SearchSpace
from penjing.targets.onnxruntime.protocol import Latency
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.testing.family import ABILITIES, FamilyContract
from penjing.testing.method import MethodContract
from penjing.testing.networks import ReadyNetwork, ready_network, small_family
from penjing.testing.target import TargetContract, networks

FAMILY = small_family()
TARGET = OnnxRuntimeCpu()


class Sound(Quantization):
    def __init__(self) -> None:
        super().__init__(("fp32", "w8"))


class Ignoring(Sound):
    def rewrite(self, blueprint: Blueprint, candidate: Candidate) -> Blueprint:
        return blueprint


class Forgetting(Sound):
    """Offers nothing for the head."""

    def choices(self, blocks: Sequence[Block], abilities: Abilities) -> list[Choice]:
        return super().choices(blocks[:-1], abilities)


class Unconditional(Sound):
    """Offers precisions also for blocks that do not exist."""

    def choices(self, blocks: Sequence[Block], abilities: Abilities) -> list[Choice]:
        return [replace(choice, conditions=()) for choice in super().choices(blocks, abilities)]


class Cutting(Sound):
    """Leaves out the last layer."""

    def rewrite(self, blueprint: Blueprint, candidate: Candidate) -> Blueprint:
        return blueprint.with_layers(blueprint.layers[:-1], blueprint.layers[-2].name)


@pytest.mark.parametrize(
    ("method", "promise"),
    [
        (Ignoring(), "every_choice_changes_the_network"),
        (Forgetting(), "every_block_has_a_choice_and_every_choice_a_block"),
        (Unconditional(), "a_choice_exists_only_while_its_block_does"),
        (Cutting(), "the_rewritten_network_can_be_computed"),
        (Cutting(), "layers_with_weights_keep_names_and_shapes"),
    ],
)
def test_a_method_that_breaks_a_promise_is_found_out(method: Quantization, promise: str) -> None:
    abilities = TARGET.abilities()
    offered = method.choices(FAMILY.blocks(), abilities)
    given = {
        "method": method,
        "family": FAMILY,
        "target": TARGET,
        "offered": offered,
        "space": SearchSpace([*FAMILY.choices(abilities), *offered]),
    }
    _breaks(MethodContract(), promise, given)


class Family(ConvolutionalFamily):
    def __init__(self) -> None:
        super().__init__(InputSpec("x", (1, 8, 8)), 10, FAMILY.settings)


class Smallest(Family):
    """Covers the space with one candidate."""

    def covering(self, choices: Sequence[Choice]) -> list[Candidate]:
        return super().covering(choices)[:1]


class Unnamed(Family):
    """Forgets a block."""

    def blocks(self) -> list[Block]:
        return super().blocks()[:-1]


class Curious(Family):
    """Reads what is not its own."""

    def blueprint(self, candidate: Candidate) -> Blueprint:
        made = super().blueprint(candidate)
        return made if "other.precision" not in candidate else replace(made, input=InputSpec("y", (1, 8, 8)))


class Rigid(Family):
    """Offers a kernel and never uses it."""

    def blueprint(self, candidate: Candidate) -> Blueprint:
        return super().blueprint(Candidate({**candidate, "stem.kernel": 3}))


class Growing(Family):
    """Its result depends on the candidate."""

    def blueprint(self, candidate: Candidate) -> Blueprint:
        self.n_classes = int(str(candidate["stem.width"]))
        return super().blueprint(candidate)


@pytest.mark.parametrize(
    ("family", "promise"),
    [
        (Smallest(), "covering_candidates_hold_every_weight"),
        (Unnamed(), "blocks_name_all_layers_with_weights_and_no_others"),
        (Curious(), "a_blueprint_follows_from_the_familys_own_choices"),
        (Rigid(), "every_choice_changes_the_network"),
        (Growing(), "every_candidate_is_a_network_that_can_be_computed"),
    ],
)
def test_a_family_that_breaks_a_promise_is_found_out(family: Family, promise: str) -> None:
    given = {"family": family, "space": SearchSpace(family.choices(ABILITIES))}
    _breaks(FamilyContract(), promise, given)


class Unsorted(OnnxRuntimeCpu):
    def abilities(self) -> Abilities:
        return replace(super().abilities(), fast_precisions=("w2",))


class Estimating(OnnxRuntimeCpu):
    def size_bytes(self, blueprint: Blueprint) -> int:
        return super().size_bytes(blueprint) + 1


class Stamping(OnnxRuntimeCpu):
    """Writes another file every time."""

    n_written = 0

    def write(
        self, blueprint: Blueprint, weights: Mapping[str, FloatArray], scheme: QuantizationScheme
    ) -> bytes:
        self.n_written += 1
        return super().write(blueprint, weights, scheme) + bytes([self.n_written])


class Mistaken(OnnxRuntimeCpu):
    """Answers for the neighbour's class."""

    def predict(self, artifact: bytes, x: NDArray[np.uint8]) -> FloatArray:
        return np.roll(super().predict(artifact, x), 1, axis=1)


class Forgiving(OnnxRuntimeCpu):
    def predict(self, artifact: bytes, x: NDArray[np.uint8]) -> FloatArray:
        return np.zeros((len(x), 10), np.float32)


class Stopped(OnnxRuntimeCpu):
    """Its clock does not move."""

    def measure(self, artifacts: Mapping[str, bytes], *_: Any, **__: Any) -> dict[str, Latency]:
        return dict.fromkeys(artifacts, Latency(0.0, 0.0, 0.0, 1, 1, 1, 0.0, 0.0))


@pytest.fixture(scope="module")
def ready() -> list[ReadyNetwork]:
    return [ready_network(blueprint, True) for blueprint in networks(TARGET)[:2]]


@pytest.mark.parametrize(
    ("target", "promise"),
    [
        (Unsorted(), "abilities_are_consistent"),
        (Estimating(), "size_is_known_before_there_is_a_file"),
        (Stamping(), "equal_networks_give_equal_bytes_and_others_do_not"),
        (Mistaken(), "the_file_computes_what_the_network_does"),
        (Stopped(), "the_clock_gives_finite_times_with_intervals_and_units"),
    ],
)
def test_a_target_that_breaks_a_promise_is_found_out(
    ready: list[ReadyNetwork], target: OnnxRuntimeCpu, promise: str
) -> None:
    _breaks(TargetContract(), promise, {"target": target, "ready": ready, "batch": 1})


def test_a_target_that_takes_anything_is_found_out() -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        TargetContract().test_what_is_no_file_of_the_target_is_refused(Forgiving())


def _breaks(contract: object, promise: str, given: Mapping[str, Any]) -> None:
    test = getattr(contract, f"test_{promise}")
    names = test.__code__.co_varnames[1 : test.__code__.co_argcount]
    with pytest.raises(AssertionError):
        test(**{name: given[name] for name in names})
