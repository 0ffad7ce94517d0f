"""Networks of repeated cells, as in published tables and papers."""

from penjing.families.cells.nasbench201 import NasBench201Family, NasBench201Settings
from penjing.families.cells.nasnet import NasNetFamily
from penjing.families.cells.nasnet_settings import NasNetSettings

__all__ = ["NasBench201Family", "NasBench201Settings", "NasNetFamily", "NasNetSettings"]
