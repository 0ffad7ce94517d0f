"""What may vary: choices, their conditions, and one assignment of them all."""

from penjing.space.candidate import Candidate
from penjing.space.carried import CarriedSpace
from penjing.space.choice import OF_WEIGHTS, PARTS, Choice, Condition, Value
from penjing.space.encoding import Encoding
from penjing.space.space import SearchSpace

__all__ = [
    "OF_WEIGHTS",
    "PARTS",
    "Candidate",
    "CarriedSpace",
    "Choice",
    "Condition",
    "Encoding",
    "SearchSpace",
    "Value",
]
