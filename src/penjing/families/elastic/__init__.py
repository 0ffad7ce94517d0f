"""One set of weights that holds every network of a family."""

from penjing.families.elastic.supernet import Supernet, largest_shapes

__all__ = ["Supernet", "largest_shapes"]
