"""The candidate's network as plain data: everything that asks "what is in this network?" reads it."""

from penjing.blueprint.blueprint import Blueprint, InputSpec, Layer, TensorSpec
from penjing.blueprint.builder import BlueprintBuilder
from penjing.blueprint.counts import layer_macs, macs, parameters, trained_parameters
from penjing.blueprint.graph import Graph, graph_of
from penjing.blueprint.precision import PRECISIONS, STORAGE_BITS, Precision, precision_named
from penjing.blueprint.window import Window

__all__ = [
    "PRECISIONS",
    "STORAGE_BITS",
    "Blueprint",
    "BlueprintBuilder",
    "Graph",
    "InputSpec",
    "Layer",
    "Precision",
    "TensorSpec",
    "Window",
    "graph_of",
    "layer_macs",
    "macs",
    "parameters",
    "precision_named",
    "trained_parameters",
]
