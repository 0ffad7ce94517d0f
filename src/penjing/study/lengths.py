"""How many passes over the data trainings take at most where the configuration does not say."""

from dataclasses import dataclass

from penjing.study.pipeline import DataFacts


@dataclass(frozen=True)
class Lengths:
    """Passes over the training examples.

    Attributes:
        brief: The most for a training that the search judges a network by.
        finished: For a design that is finished, without a clock in the budget.
        longest: The most for it with a clock.
    """

    brief: float
    finished: float
    longest: float


_OF_IMAGES = Lengths(15.0, 30.0, 300.0)
# Tables are often small, and a pass over them is a few steps.
_OF_VECTORS = Lengths(100.0, 300.0, 1000.0)


def lengths_of(facts: DataFacts) -> Lengths:
    """Of trainings on such data."""
    return _OF_VECTORS if facts.are_vectors else _OF_IMAGES
