"""Networks of one repeated cell, as in published tables."""

from penjing.families.cells.nasbench201 import NasBench201Family

__all__ = ["NasBench201Family"]
