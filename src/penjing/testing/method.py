"""What every compression method promises, as tests that its author inherits.

::

    class TestMyMethod(MethodContract):
        @pytest.fixture
        def method(self):
            return MyMethod()

The method is tried on small convolutional networks and ONNX Runtime; override
the fixtures ``family`` and ``target`` for others.
"""

import pytest

from penjing.blueprint import Blueprint
from penjing.errors import PenjingError
from penjing.protocols import Abilities, Family, Method, Target
from penjing.space import Candidate, Choice, SearchSpace
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.testing.networks import (
    N_CLASSES,
    assert_computable,
    drawn,
    ready_network,
    small_family,
    smooth_pixels,
    varied,
)


class MethodContract:
    """Inherit and give ``method``; see the module for the four lines that it takes.

    Attributes:
        leaves_out: Names of blocks that the method has nothing to offer for.
        keeps_weights: Whether the layers with weights keep their names and shapes. A study trains the
            network before it is compressed, and can use only methods that do.
    """

    leaves_out: tuple[str, ...] = ()
    keeps_weights = True

    @pytest.fixture
    def method(self) -> Method:
        """The method under test."""
        raise NotImplementedError("Give method: a fixture that returns the method.")

    @pytest.fixture
    def family(self) -> Family:
        """Whose networks are compressed."""
        return small_family()

    @pytest.fixture
    def target(self) -> Target:
        """What writes and runs them."""
        return OnnxRuntimeCpu()

    @pytest.fixture
    def offered(self, method: Method, family: Family, target: Target) -> list[Choice]:
        """The method's choices."""
        return list(method.choices(family.blocks(), target.abilities()))

    @pytest.fixture
    def space(self, family: Family, target: Target, offered: list[Choice]) -> SearchSpace:
        """Family and method as one space."""
        return SearchSpace([*family.choices(target.abilities()), *offered])

    def test_it_has_a_name(self, method: Method) -> None:
        """One word, for reports and configurations."""
        assert method.name.split() == [method.name]

    def test_every_block_has_a_choice_and_every_choice_a_block(
        self, family: Family, offered: list[Choice]
    ) -> None:
        """A choice is named within its block (``stem.precision``), or for all (``network.precision``)."""
        names = {block.name for block in family.blocks()}
        found = {name for name in names for choice in offered if choice.name.startswith(f"{name}.")}
        assert found == names - set(self.leaves_out)
        for choice in offered:
            assert choice.part == "compression", choice.name
            assert any(choice.name.startswith(f"{name}.") for name in {*names, "network"}), choice.name

    def test_a_choice_exists_only_while_its_block_does(self, family: Family, space: SearchSpace) -> None:
        """Otherwise equal designs would have different keys."""
        blocks = family.blocks()
        for candidate in drawn(space, 50):
            absent = [b.name for b in blocks if not all(c.holds(candidate) for c in b.conditions)]
            assert not [name for name in candidate if name.startswith(tuple(f"{block}." for block in absent))]

    def test_the_same_is_offered_every_time(
        self, method: Method, family: Family, target: Target, offered: list[Choice]
    ) -> None:
        """Worker processes build the space again."""
        assert list(method.choices(family.blocks(), target.abilities())) == offered

    def test_the_same_candidate_is_rewritten_alike_and_the_blueprint_left_as_it_was(
        self, method: Method, family: Family, space: SearchSpace
    ) -> None:
        """A rewrite is a pure function."""
        for candidate in drawn(space, 20):
            blueprint = family.blueprint(candidate)
            made = method.rewrite(blueprint, candidate)
            assert blueprint == family.blueprint(candidate), (
                "rewrite changed the blueprint that it was given."
            )
            assert made == method.rewrite(family.blueprint(candidate), Candidate(candidate.as_dict()))

    def test_the_rewritten_network_can_be_computed(
        self, method: Method, family: Family, space: SearchSpace
    ) -> None:
        """Layers stand in order; input and result are what they were, for whoever reads them."""
        for candidate in drawn(space, 50):
            plain = family.blueprint(candidate)
            made = method.rewrite(plain, candidate)
            assert_computable(made)
            assert made.input == plain.input
            assert _result(made) == _result(plain)

    def test_layers_with_weights_keep_names_and_shapes(
        self, method: Method, family: Family, space: SearchSpace
    ) -> None:
        """Unless the method says ``keeps_weights = False``; then some candidate shows that it does not."""
        changed = [
            candidate
            for candidate in drawn(space, 50)
            if _weights(method.rewrite(family.blueprint(candidate), candidate))
            != _weights(family.blueprint(candidate))
        ]
        assert bool(changed) != self.keeps_weights, changed[:1]

    def test_every_choice_changes_the_network(
        self, method: Method, family: Family, space: SearchSpace, offered: list[Choice]
    ) -> None:
        """What is accepted and ignored would be searched in vain."""
        candidates = drawn(space, 200)
        for choice in offered:
            if len(choice.values) == 1:
                continue
            having = [candidate for candidate in candidates if choice.name in candidate]
            assert having, f"{choice.name!r} never exists."
            made = [
                [method.rewrite(family.blueprint(c), c) for c in varied(space, candidate, choice.name)]
                for candidate in having[:20]
            ]
            assert any(rewritten != row[0] for row in made for rewritten in row), choice.name

    def test_predicted_bytes_are_the_files_bytes_and_the_file_runs(
        self, method: Method, family: Family, space: SearchSpace, target: Target
    ) -> None:
        """The rewritten blueprint says all that will be in the file."""
        reduced_range = target.abilities().reduced_range
        for candidate in drawn(space, 8):
            made = ready_network(method.rewrite(family.blueprint(candidate), candidate), reduced_range)
            file = target.write(made.blueprint, made.weights, made.scheme)
            assert target.size_bytes(made.blueprint) == len(file), candidate
            answered = target.predict(file, smooth_pixels(3, made.blueprint.input.shape))
            assert answered.shape == (3, N_CLASSES)

    def test_only_what_the_target_runs_is_offered(
        self, method: Method, family: Family, target: Target
    ) -> None:
        """On a target of floats alone, a method offers nothing else, or says that it cannot be used."""
        floats = Abilities(("fp32",), ("fp32",))
        try:
            offered = method.choices(family.blocks(), floats)
        except PenjingError:
            return
        for candidate in drawn(SearchSpace([*family.choices(floats), *offered]), 20):
            made = method.rewrite(family.blueprint(candidate), candidate)
            assert {layer.precision for layer in made.weighted_layers} <= set(floats.precisions)


def _result(blueprint: Blueprint) -> tuple[tuple[int, ...], str]:
    return blueprint[blueprint.output].output_shape, blueprint[blueprint.output].output_storage


def _weights(blueprint: Blueprint) -> dict[str, tuple[int, ...]]:
    return {layer.name: layer.tensor("weight").shape for layer in blueprint.weighted_layers}


__all__ = ["MethodContract"]
