"""Image classification: one label per image.

Example:
    >>> from penjing.tasks.image_classification import load
    >>> load("digits").n_classes
    10
"""

from penjing.tasks.image_classification.sources import NAMED, load

__all__ = ["NAMED", "load"]
