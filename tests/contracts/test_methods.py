"""Every compression method keeps the contract."""

import pytest
from tests.docs.pages import names_defined_on
from tests.unit.networks import ALL_PRECISIONS

from penjing.compression.quantization.method import Quantization
from penjing.protocols import Method
from penjing.testing.method import MethodContract


class TestQuantization(MethodContract):
    @pytest.fixture
    def method(self) -> Method:
        return Quantization(ALL_PRECISIONS)


class TestQuantizationPerLayer(MethodContract):
    @pytest.fixture
    def method(self) -> Method:
        return Quantization(("fp32", "w8a8"), per_layer=True)


class TestTheMethodOfTheHowTo(MethodContract):
    @pytest.fixture
    def method(self) -> Method:
        return names_defined_on("how-to/write-your-own.md")["HalfFloats"]()
