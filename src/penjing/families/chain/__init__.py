"""Dense layers one after the other, on features or on the pixels of an image."""

from penjing.families.chain.family import ChainFamily
from penjing.families.chain.settings import ChainSettings

__all__ = ["ChainFamily", "ChainSettings"]
