"""Tables of networks that others trained: searches over them, compared with each other and the best row."""

from penjing.tables.comparing import Search, Settings, compare, name_of
from penjing.tables.curves import write_curves
from penjing.tables.nasbench201 import DEVICES, hwnas, nas201
from penjing.tables.scoring import Judge, Scores, rows_of
from penjing.tables.table import Table, table_of

__all__ = [
    "DEVICES",
    "Judge",
    "Scores",
    "Search",
    "Settings",
    "Table",
    "compare",
    "hwnas",
    "name_of",
    "nas201",
    "rows_of",
    "table_of",
    "write_curves",
]
