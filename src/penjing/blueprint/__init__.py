"""The candidate's network as plain data: everything that asks "what is in this network?" reads it."""

from penjing.blueprint.blueprint import Blueprint, InputSpec, Layer, TensorSpec
from penjing.blueprint.builder import BlueprintBuilder
from penjing.blueprint.counts import layer_macs, macs, parameters
from penjing.blueprint.precision import PRECISIONS, STORAGE_BITS, Precision, precision_named

__all__ = [
    "PRECISIONS",
    "STORAGE_BITS",
    "Blueprint",
    "BlueprintBuilder",
    "InputSpec",
    "Layer",
    "Precision",
    "TensorSpec",
    "layer_macs",
    "macs",
    "parameters",
    "precision_named",
]
