"""What a short training says of a long one: errors fall with training as a power law.

Hestness et al., "Deep Learning Scaling is Predictable, Empirically", arXiv:1712.00409.
"""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Passes = TypeVar("Passes", float, NDArray[np.float64])

# Errors fall as a power of the passes that count, of which long trainings have few more than shorter ones: by
# all passes the exponent falls from 0.33 (2 to 7 passes) to 0.14 (7 to 36) and 0.04 (36 to 190), by those
# that count it is 0.23 to 0.44 (Fashion-MNIST, ADR 15). The deviation is between networks.
ERROR_EXPONENT, ERROR_EXPONENT_DEVIATION = 0.35, 0.09
_SATURATION_EPOCHS, _SATURATION_EXAMPLES = 10.0, 200_000.0
# Which architecture is better after a short training is only partly so after a long one. Of the variance of
# such effects, beyond those of capacity, a quarter lasts through ten times the training: predictions of 36
# designs by 16 searches that had not trained them have a rank correlation of 0.70 with that, 0.45 without;
# those of 31 other networks, each left out, 0.82 and 0.74 (Fashion-MNIST).
LASTING_EXPONENT = 0.6


def saturation_epochs(n_examples: float) -> float:
    """Passes over so many examples after which a training counts for half of the most that it can count for.

    Example:
        >>> saturation_epochs(54_000), saturation_epochs(2_000)
        (10.0, 100.0)
    """
    return max(_SATURATION_EPOCHS, _SATURATION_EXAMPLES / n_examples)


def counted(epochs: Passes, saturates: float = math.inf) -> Passes:
    """How many passes a training counts for, always less than ``saturates``.

    Example:
        >>> counted(2.5, 10.0), counted(90.0, 10.0)
        (2.0, 9.0)
    """
    return epochs / (1.0 + epochs / saturates)


def expected_accuracy(
    brief: float,
    seen_epochs: float,
    further_epochs: float,
    saturates: float = math.inf,
    exponent: float = ERROR_EXPONENT,
) -> float:
    """What a network will reach that is trained further, roughly.

    Args:
        brief: Its accuracy so far, 0 to 1.
        seen_epochs: Training so far, in passes over the data; positive.
        further_epochs: Training to come.
        saturates: By :func:`saturation_epochs`.
        exponent: Of the power law.

    Example:
        >>> round(expected_accuracy(0.8, seen_epochs=1.0, further_epochs=31.0, saturates=10.0), 3)
        0.905
    """
    left = counted(seen_epochs, saturates) / counted(seen_epochs + further_epochs, saturates)
    return 1.0 - left**exponent * (1.0 - brief)
