"""Predict how long a network takes from its blueprint: prices for amounts of work.

The time is a sum of prices times amounts (:mod:`latency_features`). A few dozen measured networks do not
determine all prices, so these are pulled towards usual ones, scaled to this processor; towards which and how
strongly, cross-validation decides.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.blueprint import Blueprint, Layer
from penjing.errors import FormatVersionError, InvalidValueError
from penjing.targets.onnxruntime.latency_features import USUAL_PRICES_US, is_in_blocks, layer_amounts
from penjing.targets.onnxruntime.nonnegative import nonnegative_prices

FORMAT_VERSION = 4
_READABLE = (3, FORMAT_VERSION)
NAMES = tuple(sorted(USUAL_PRICES_US))
FEWEST_NETWORKS = 8
_PRIOR_WEIGHTS = (0.3, 3.0, 30.0, 300.0)
# A row for each processor whose prices are known, in milliseconds per amount.
_USUAL = np.array([USUAL_PRICES_US[name] for name in NAMES]).T / 1e3
_FOLDS = 5
_INDEX = {name: index for index, name in enumerate(NAMES)}
Array = NDArray[np.float64]


class LatencyModel:
    """Latency at batch 1 from a rewritten blueprint; not for several threads at once.

    Args:
        width_multiple: Channels per block of the float kernels, from the target's abilities.
        prices: ``[len(NAMES)]``, milliseconds per amount.
        cross_validated_error: What :meth:`fit` found on networks left out: ``within_10_percent``,
            ``median_relative_error``, ``mean_relative_error``, ``spearman``, ``n_networks``.
        metronome_ms: What the metronome took when the model was fitted: predictions are for a machine
            that fast. 0 where it was not timed.
    """

    def __init__(
        self,
        width_multiple: int,
        prices: Array,
        cross_validated_error: Mapping[str, float],
        metronome_ms: float = 0.0,
    ) -> None:
        self.width_multiple = width_multiple
        self.metronome_ms = metronome_ms
        self.prices = prices
        self.cross_validated_error = dict(cross_validated_error)
        self._cache: dict[tuple[Any, ...], Array] = {}

    @classmethod
    def fit(
        cls,
        blueprints: Sequence[Blueprint],
        latencies_ms: Sequence[float] | Array,
        rng: np.random.Generator,
        width_multiple: int = 8,
        metronome_ms: float = 0.0,
    ) -> "LatencyModel":
        """Learn from measured networks.

        Args:
            blueprints: Rewritten networks, at least 8, better 60.
            latencies_ms: Their measured latencies at batch 1.
            rng: Draws the folds of the cross-validation.
            width_multiple: See the class.
            metronome_ms: See the class.

        Raises:
            InvalidValueError: If there are too few networks, or a latency is not positive.
        """
        times = np.asarray(latencies_ms, dtype=np.float64)
        if len(blueprints) < FEWEST_NETWORKS or times.shape != (len(blueprints),):
            raise InvalidValueError(
                f"A latency model needs at least {FEWEST_NETWORKS} networks and one latency for each, got "
                f"{len(blueprints)} networks and {times.size} latencies. Measure more networks.",
                n_networks=len(blueprints),
                n_latencies=times.size,
            )
        wrong = times[~(np.isfinite(times) & (times > 0))]
        if wrong.size:
            raise InvalidValueError(
                f"Latencies must be positive and finite, got {float(wrong[0])!r} ms. "
                "Drop failed measurements first.",
                latency_ms=float(wrong[0]),
            )
        table = cls(width_multiple, np.zeros(len(NAMES)), {})
        amounts = np.stack([table.amounts(blueprint) for blueprint in blueprints])
        error = relative_errors(_left_out_predictions(amounts, times, rng, _fit), times)
        return cls(width_multiple, _fit(amounts, times, rng), error, metronome_ms)

    def amounts(self, blueprint: Blueprint) -> Array:
        """Amounts of work of the whole network, ``[len(NAMES)]``."""
        total = np.zeros(len(NAMES))
        total[_INDEX["call.nodes"]] = 1.0
        for layer in blueprint.layers:
            key = _layer_key(blueprint, layer)
            found = self._cache.get(key)
            if found is None:
                found = np.zeros(len(NAMES))
                for name, amount in layer_amounts(blueprint, layer, self.width_multiple).items():
                    found[_INDEX[name]] += amount
                self._cache[key] = found
            total += found
        return total

    def predict_ms(self, blueprint: Blueprint) -> float:
        """Milliseconds that one call with one example takes."""
        return float(self.predict_many([blueprint])[0])

    def predict_many(self, blueprints: Sequence[Blueprint]) -> Array:
        """Milliseconds for each of several networks."""
        if not blueprints:
            return np.zeros(0)
        amounts = np.stack([self.amounts(blueprint) for blueprint in blueprints])
        return amounts @ self.prices

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON data with a ``format_version``."""
        return {
            "format_version": FORMAT_VERSION,
            "width_multiple": self.width_multiple,
            "prices_ms": dict(zip(NAMES, self.prices.tolist(), strict=True)),
            "cross_validated_error": self.cross_validated_error,
            "metronome_ms": self.metronome_ms,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "LatencyModel":
        """Read what :meth:`as_dict` wrote; work that an earlier version did not count costs nothing.

        Raises:
            FormatVersionError: If another version of the format, or other features, wrote it.
        """
        version = data.get("format_version")
        if version not in _READABLE or not set(data["prices_ms"]) <= set(NAMES):
            raise FormatVersionError(
                f"A latency model of format_version {version!r} cannot be read; this Penjing reads "
                f"{FORMAT_VERSION} with its own features. Delete the file, and it is measured again.",
                found=version,
                readable=list(_READABLE),
            )
        prices = np.array([data["prices_ms"].get(name, 0.0) for name in NAMES], dtype=np.float64)
        multiple, error = int(data["width_multiple"]), data["cross_validated_error"]
        return cls(multiple, prices, error, float(data["metronome_ms"]))


def relative_errors(predicted: Array, measured: Array) -> dict[str, float]:
    """How well predictions fit measurements: share within ±10 %, relative errors, rank correlation.

    Example:
        >>> relative_errors(np.array([1.0, 2.2, 3.0]), np.array([1.0, 2.0, 4.0]))["spearman"]
        1.0
    """
    errors = np.abs(predicted / measured - 1)
    return {
        "within_10_percent": float(np.mean(errors <= 0.1 + 1e-12)),
        "median_relative_error": float(np.median(errors)),
        "mean_relative_error": float(np.mean(errors)),
        "spearman": float(np.corrcoef(_ranks(predicted), _ranks(measured))[0, 1]),
        "n_networks": len(errors),
    }


def _ranks(values: Array) -> Array:
    """Ranks from 0; equal values, which measured times do not have, in order of appearance."""
    return np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)


def _layer_key(blueprint: Blueprint, layer: Layer) -> tuple[Any, ...]:
    shapes = tuple(blueprint.shape_of(name) for name in layer.inputs)
    reads_pixels = blueprint.holds_pixels(layer.inputs[0])
    reads_blocks = layer.operation == "conv2d" and is_in_blocks(blueprint, layer.inputs[0])
    attributes = tuple(layer.attributes.values())
    return (
        layer.operation, shapes, layer.output_shape, attributes,
        layer.precision, layer.output_storage, reads_pixels, reads_blocks,
    )  # fmt: skip


Fit = Callable[[Array, Array, np.random.Generator], Array]


def _fit(amounts: Array, times: Array, rng: np.random.Generator) -> Array:
    """Prices, with the pull towards usual ones that predicts networks left out best."""
    folds = int(rng.integers(2**32))

    def error(pull: tuple[Array, float]) -> float:
        # All are judged on the same folds.
        stream = np.random.default_rng(folds)
        predicted = _left_out_predictions(amounts, times, stream, lambda a, t, _: _prices(a, t, *pull))
        return float(np.mean(np.abs(predicted / times - 1)))

    return _prices(amounts, times, *min(product(_USUAL, _PRIOR_WEIGHTS), key=error))


def _prices(amounts: Array, times: Array, usual: Array, prior_weight: float) -> Array:
    machine = float(np.median(times / (amounts @ usual)))
    return nonnegative_prices(amounts, times, usual * machine, prior_weight)


def _left_out_predictions(amounts: Array, times: Array, rng: np.random.Generator, fit: Fit) -> Array:
    predicted = np.zeros(len(times))
    for fold in np.array_split(rng.permutation(len(times)), _FOLDS):
        others = np.setdiff1d(np.arange(len(times)), fold)
        predicted[fold] = amounts[fold] @ fit(amounts[others], times[others], rng)
    return predicted
