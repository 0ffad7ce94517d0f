"""Networks of repeated cells, as in published tables and papers."""

from penjing.families.cells.nasbench201 import NasBench201Family, NasBench201Settings

__all__ = ["NasBench201Family", "NasBench201Settings"]
