"""Kinds of networks: ways from candidates to blueprints, by the names that a configuration gives them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from penjing.blueprint import InputSpec
from penjing.errors import unknown_name
from penjing.families.cells import NasBench201Family, NasBench201Settings, NasNetFamily, NasNetSettings
from penjing.families.chain import ChainFamily, ChainSettings
from penjing.families.convolutional import ConvolutionalFamily, ConvolutionalSettings
from penjing.families.settings import Settings
from penjing.protocols import Family

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class FamilyKind(Generic[S]):
    """A family before there are data.

    Attributes:
        make: From input, number of classes and settings to the family.
        settings: What may be set, with defaults that follow the images.
        is_elastic: Whether a supernet holds all its networks, so that they can share one training.
        reads_vectors: Whether its networks read rows of features too, and not images alone.
        searches_optimiser: Whether the optimiser is a choice of its search space, and not one of finalists.
    """

    make: Callable[[InputSpec, int, S], Family]
    settings: type[S]
    is_elastic: bool = False
    reads_vectors: bool = False
    searches_optimiser: bool = False

    def family(self, given: InputSpec, n_classes: int, changes: Mapping[str, Any]) -> Family:
        """The family for images or vectors, with some settings changed.

        Args:
            given: The input: shape ``(channels, height, width)`` or ``(features,)``, and what normalises it.
            n_classes: Width of the result.
            changes: Settings that do not follow the images.

        Raises:
            UnknownNameError: If a name is not a setting, or a value names what is not known.
            ConfigError: If values are not of the right kind, or do not fit each other or the images.
        """
        return self.make(given, n_classes, self.settings.for_input(given).with_changes(changes))


FAMILIES: Mapping[str, FamilyKind[Any]] = {
    "convolutional": FamilyKind(ConvolutionalFamily, ConvolutionalSettings, is_elastic=True),
    "nasbench201": FamilyKind(NasBench201Family, NasBench201Settings),
    "nasnet": FamilyKind(NasNetFamily, NasNetSettings),
    "chain": FamilyKind(ChainFamily, ChainSettings, reads_vectors=True, searches_optimiser=True),
}


def family_kind(name: str) -> FamilyKind[Any]:
    """Look a family up.

    Raises:
        UnknownNameError: If there is none of that name.

    Example:
        >>> family_kind("convolutional").is_elastic
        True
    """
    if name not in FAMILIES:
        raise unknown_name("kind of networks", name, FAMILIES)
    return FAMILIES[name]


__all__ = ["FAMILIES", "FamilyKind", "family_kind"]
