"""Image classification: one label per image.

Example:
    >>> from penjing.tasks.image_classification import load
    >>> load("digits").n_classes
    10
"""

from penjing.tasks.image_classification.data import ImageData, Split, split_data
from penjing.tasks.image_classification.sources import Source, load

__all__ = ["ImageData", "Source", "Split", "load", "split_data"]
