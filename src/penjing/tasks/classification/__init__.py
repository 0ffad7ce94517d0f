"""What every classification has, whatever an example is: labels, checks, splits, and where data lie."""

from penjing.tasks.classification.data import PARTS, LabelledData, Split, split_data

__all__ = ["PARTS", "LabelledData", "Split", "split_data"]
