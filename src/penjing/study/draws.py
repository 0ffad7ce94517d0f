"""One stream of random numbers for each thing that is drawn, so that none depends on how many others drew."""

from enum import IntEnum

import numpy as np


class Draw(IntEnum):
    """What is drawn; the numbers decide results and must not change."""

    PROPOSALS = 1
    FEASIBLE = 2
    BOX = 3
    SANDWICH = 4
    WINNERS = 5
    FINALISTS = 6
    CONTENDERS = 7
    TRAINING_CHOICES = 8
    TIME = 9
    LATENCY_MODEL = 10
    REFERENCE_WEIGHTS = 11
    ORDER_OF_MEASURING = 12
    TRAINING_PRECISION = 13
    FOLDS = 14
    SUBSET = 15


def stream(seed: int, draw: Draw, *parts: int) -> np.random.Generator:
    """The generator for one kind of draw of a study.

    Args:
        seed: Of the study.
        draw: What is drawn.
        parts: Which time, such as the number of a phase or of an extension.
    """
    return np.random.default_rng([seed, draw, *parts])
