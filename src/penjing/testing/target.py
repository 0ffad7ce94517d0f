"""What every target promises, as tests that its author inherits.

::

    class TestMyTarget(TargetContract):
        @pytest.fixture
        def target(self):
            return MyTarget()

How fast something is, is never tested: only that the clock says what it promises.
"""

import math

import numpy as np
import pytest

from penjing.blueprint import PRECISIONS, Blueprint
from penjing.compression.quantization.rewrite import with_precisions
from penjing.errors import PenjingError
from penjing.protocols import Target
from penjing.space import SearchSpace
from penjing.testing.networks import (
    N_CLASSES,
    ReadyNetwork,
    drawn,
    ready_network,
    small_family,
    smooth_pixels,
)


def networks(target: Target) -> list[Blueprint]:
    """One of each precision throughout, then mixed ones, each of another architecture."""
    family = small_family()
    abilities = target.abilities()
    space = SearchSpace(family.choices(abilities))
    known, rng = abilities.precisions, np.random.default_rng(0)
    made: list[Blueprint] = []
    for index, candidate in enumerate(drawn(space, len(known) + 3, seed=2)):
        among = known[index : index + 1] or known
        blueprint = family.blueprint(candidate)
        made.append(with_precisions(blueprint, lambda _, among=among: str(rng.choice(among))))
    return made


class TargetContract:
    """Inherit and give ``target``; see the module for the four lines that it takes.

    Attributes:
        size_tolerance: How far ``size_bytes`` may be off, as a fraction of the file: 0 to 0.01.
        largest_difference: Between the file's logits and the network's, in the mean, as a fraction of how
            much logits differ between images. A rounding that falls the other way is that small.
    """

    size_tolerance = 0.0
    largest_difference = 0.05

    @pytest.fixture
    def target(self) -> Target:
        """The target under test."""
        raise NotImplementedError("Give target: a fixture that returns the target.")

    @pytest.fixture
    def ready(self, target: Target) -> list[ReadyNetwork]:
        """Networks of every precision that it says it runs."""
        reduced_range = target.abilities().reduced_range
        return [ready_network(blueprint, reduced_range) for blueprint in networks(target)]

    def test_it_has_a_name(self, target: Target) -> None:
        """One word, for manifests and configurations."""
        assert target.name.split() == [target.name]

    def test_abilities_are_consistent(self, target: Target) -> None:
        """Known precisions, the fast ones among them, and the same answer every time."""
        abilities = target.abilities()
        assert abilities.precisions
        assert set(abilities.precisions) <= set(PRECISIONS)
        assert set(abilities.fast_precisions) <= set(abilities.precisions)
        assert len(set(abilities.precisions)) == len(abilities.precisions)
        assert abilities.width_multiple >= 1
        assert list(abilities.processor_flags) == sorted(abilities.processor_flags)
        assert target.abilities() == abilities

    def test_size_is_known_before_there_is_a_file(self, target: Target, ready: list[ReadyNetwork]) -> None:
        """From the blueprint alone; a search decides constraints by it."""
        assert 0 <= self.size_tolerance <= 0.01
        for made in ready:
            size_bytes = len(target.write(made.blueprint, made.weights, made.scheme))
            assert abs(target.size_bytes(made.blueprint) - size_bytes) <= self.size_tolerance * size_bytes

    def test_equal_networks_give_equal_bytes_and_others_do_not(
        self, target: Target, ready: list[ReadyNetwork]
    ) -> None:
        """A run that is resumed ends with the same files."""
        for made in ready:
            file = target.write(made.blueprint, made.weights, made.scheme)
            copies = {name: weight.copy() for name, weight in reversed(made.weights.items())}
            assert target.write(made.blueprint, copies, made.scheme) == file
            other = {name: -weight for name, weight in made.weights.items()}
            assert target.write(made.blueprint, other, made.scheme) != file

    def test_the_file_computes_what_the_network_does(self, target: Target, ready: list[ReadyNetwork]) -> None:
        """Compared with the network in floats that rounds where the file rounds."""
        for made in ready:
            pixels = smooth_pixels(200, made.blueprint.input.shape, seed=7)
            found = target.predict(target.write(made.blueprint, made.weights, made.scheme), pixels)
            wanted = made.logits(pixels)
            assert (found.shape, found.dtype) == ((200, N_CLASSES), np.float32)
            difference = np.abs(found - wanted).mean() / wanted.std(axis=0).mean()
            precisions = sorted({layer.precision for layer in made.blueprint.weighted_layers})
            assert difference <= self.largest_difference, precisions

    def test_an_image_is_answered_alike_in_any_company(
        self, target: Target, ready: list[ReadyNetwork]
    ) -> None:
        """The batch axis is free."""
        for made in ready:
            file = target.write(made.blueprint, made.weights, made.scheme)
            pixels = smooth_pixels(5, made.blueprint.input.shape)
            alone = np.concatenate([target.predict(file, pixels[at : at + 1]) for at in range(5)])
            np.testing.assert_allclose(target.predict(file, pixels), alone, rtol=1e-4, atol=1e-4)

    def test_what_is_no_file_of_the_target_is_refused(self, target: Target) -> None:
        """With an error of ours, which a study can tell from a fault of its own."""
        with pytest.raises(PenjingError):
            target.predict(b"no file", smooth_pixels(1, (1, 8, 8)))

    @pytest.mark.parametrize("batch", [1, 4])
    def test_the_clock_gives_finite_times_with_intervals_and_units(
        self, target: Target, ready: list[ReadyNetwork], batch: int
    ) -> None:
        """One latency per file, in the order given."""
        files = {
            name: target.write(made.blueprint, made.weights, made.scheme)
            for name, made in zip(("second", "first"), ready, strict=False)
        }
        measured = target.measure(files, reference=next(iter(files)), batch=batch)
        assert list(measured) == list(files)
        for latency in measured.values():
            assert 0 < latency.low <= latency.value <= latency.high < math.inf
            plain = latency.as_dict()
            assert [plain[f"{name}_ms"] for name in ("low", "value", "high")] == [
                latency.low,
                latency.value,
                latency.high,
            ]


__all__ = ["TargetContract", "networks"]
