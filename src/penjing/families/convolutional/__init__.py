"""Small convolutional networks for images: a stem, stages of blocks, a linear head."""

from penjing.families.convolutional.family import ConvolutionalFamily
from penjing.families.convolutional.settings import ConvolutionalSettings

__all__ = ["ConvolutionalFamily", "ConvolutionalSettings"]
