"""Vector classification: one label per row of features.

Example:
    >>> from penjing.tasks.vector_classification import load
    >>> data = load("wine")
    >>> data.shape, data.n_classes
    ((13,), 3)
"""

from penjing.tasks.vector_classification.features import moments
from penjing.tasks.vector_classification.sources import NAMED, load

__all__ = ["NAMED", "load", "moments"]
