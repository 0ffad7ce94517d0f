"""What every family of networks promises, as tests that its author inherits.

::

    class TestMyFamily(FamilyContract):
        @pytest.fixture
        def family(self):
            return MyFamily(InputSpec("x", (1, 8, 8)), n_classes=10)

Give it small images: some networks are built and run. A family that leaves out of a network what its
result does not depend on, though its choices name it, says so::

    leaves_out_idle_layers = True
"""

from collections.abc import Iterable

import pytest
import torch

from penjing.blueprint import PRECISIONS, Blueprint, macs
from penjing.families.plain import build_network
from penjing.protocols import Abilities, Family
from penjing.space import PARTS, Candidate, Choice, SearchSpace
from penjing.testing.networks import assert_computable, drawn, drawn_examples, varied

ABILITIES = Abilities(tuple(PRECISIONS), ("fp32", "w8a8"))


class FamilyContract:
    """Inherit and give ``family``; see the module for the four lines that it takes."""

    leaves_out_idle_layers: bool = False

    @pytest.fixture
    def family(self) -> Family:
        """The family under test."""
        raise NotImplementedError("Give family: a fixture that returns the family.")

    @pytest.fixture
    def space(self, family: Family) -> SearchSpace:
        """Its choices; they stand in building order, or this fails."""
        return SearchSpace(family.choices(ABILITIES))

    def test_choices_are_of_the_architecture_and_the_same_every_time(
        self, family: Family, space: SearchSpace
    ) -> None:
        """Worker processes build the space again."""
        assert {choice.part for choice in space} == {PARTS[0]}
        assert tuple(family.choices(ABILITIES)) == space.choices

    def test_every_candidate_is_a_network_that_can_be_computed(
        self, family: Family, space: SearchSpace
    ) -> None:
        """In 32-bit floats, and with one input and one kind of result for all."""
        made = [family.blueprint(candidate) for candidate in drawn(space, 100)]
        for blueprint in made:
            assert_computable(blueprint)
            assert {layer.precision for layer in blueprint.weighted_layers} == {"fp32"}
            assert blueprint.input == made[0].input
            result, expected = (b[b.output] for b in (blueprint, made[0]))
            assert (result.output_shape, result.output_storage) == (expected.output_shape, "float32")

    def test_a_network_of_the_family_can_be_built_and_run(self, family: Family, space: SearchSpace) -> None:
        """As a plain module: layers are named so that they can be its attributes."""
        for candidate in drawn(space, 5, seed=1):
            blueprint = family.blueprint(candidate)
            examples = torch.from_numpy(drawn_examples(2, blueprint.input))
            logits = build_network(blueprint).eval()(examples)
            assert tuple(logits.shape) == (2, *blueprint[blueprint.output].output_shape)

    def test_a_blueprint_follows_from_the_familys_own_choices(
        self, family: Family, space: SearchSpace
    ) -> None:
        """The same candidate gives the same network, whatever else it holds."""
        for candidate in drawn(space, 20):
            beside = Candidate({**candidate, "other.precision": "w8", "training.learning_rate": 0.1})
            assert family.blueprint(candidate) == family.blueprint(candidate) == family.blueprint(beside)

    def test_every_choice_changes_the_network(self, family: Family, space: SearchSpace) -> None:
        """What is accepted and ignored would be searched in vain."""
        candidates = drawn(space, 300)
        for choice in space:
            if len(choice.values) == 1:
                continue
            having = [candidate for candidate in candidates if choice.name in candidate]
            assert having, f"{choice.name!r} never exists."
            made = [
                [family.blueprint(changed) for changed in varied(space, candidate, choice.name)]
                for candidate in having[:20]
            ]
            assert any(blueprint != row[0] for row in made for blueprint in row), choice.name

    def test_blocks_name_all_layers_with_weights_and_no_others(
        self, family: Family, space: SearchSpace
    ) -> None:
        """Each exists exactly when its block and its own conditions say so; none never does."""
        blocks = family.blocks()
        assert len({block.name for block in blocks}) == len(blocks)
        never = {f"{block.name}.{layer}" for block in blocks for layer in block.layers}
        for candidate in drawn(space, 300):
            promised = sorted(
                f"{block.name}.{layer}"
                for block in blocks
                for layer, conditions in block.layers.items()
                if all(condition.holds(candidate) for condition in (*block.conditions, *conditions))
            )
            there = sorted(layer.name for layer in family.blueprint(candidate).weighted_layers)
            if self.leaves_out_idle_layers:
                assert set(there) <= set(promised)
            else:
                assert there == promised
            never.difference_update(there)
        assert not never, f"No network has {sorted(never)}."

    def test_blocks_exist_under_choices_of_the_family(self, family: Family, space: SearchSpace) -> None:
        """So that a method can put its choices under the same conditions."""
        beside = [
            Choice(
                f"{block.name}.{layer}.method", (1, 2), "compression", True, (*block.conditions, *conditions)
            )
            for block in family.blocks()
            for layer, conditions in block.layers.items()
        ]
        assert len(SearchSpace([*space, *beside])) == len(space) + len(beside)

    def test_covering_candidates_hold_every_weight(self, family: Family, space: SearchSpace) -> None:
        """No layer of another candidate is missing in all of them, or larger than in the largest."""
        covering = family.covering(space.choices)
        assert all(space.candidate(candidate.as_dict()) == candidate for candidate in covering)
        largest = _largest_shapes(family.blueprint(candidate) for candidate in covering)
        for name, shape in _largest_shapes(family.blueprint(c) for c in drawn(space, 300)).items():
            assert name in largest, f"No covering candidate has {name!r}."
            assert all(a <= b for a, b in zip(shape, largest[name], strict=True)), name

    def test_the_reference_is_a_network_of_middle_size(self, family: Family, space: SearchSpace) -> None:
        """Of the family's own choices, even if a method's stand beside them."""
        beside = Choice("other.precision", ("w8", "fp32"), "compression")
        reference = family.reference([*space.choices, beside])
        assert space.candidate(reference.as_dict()) == reference
        sizes = sorted(macs(family.blueprint(candidate)) for candidate in drawn(space, 100))
        assert sizes[0] <= macs(family.blueprint(reference)) <= sizes[-1]


def _largest_shapes(blueprints: Iterable[Blueprint]) -> dict[str, tuple[int, ...]]:
    largest: dict[str, tuple[int, ...]] = {}
    for blueprint in blueprints:
        for layer in blueprint.weighted_layers:
            shape = layer.tensor("weight").shape
            largest[layer.name] = tuple(map(max, shape, largest.get(layer.name, shape)))
    return largest


__all__ = ["FamilyContract"]
