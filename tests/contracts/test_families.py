"""Every family of networks keeps the contract."""

import pytest
from tests.docs.pages import names_defined_on

from penjing.blueprint import InputSpec
from penjing.families.convolutional import ConvolutionalFamily
from penjing.protocols import Family
from penjing.testing.family import FamilyContract
from penjing.testing.networks import SMALL


class TestConvolutional(FamilyContract):
    @pytest.fixture
    def family(self) -> Family:
        return ConvolutionalFamily(InputSpec("x", (3, 8, 8)), 5, SMALL)


class TestConvolutionalWithItsOwnSettings(FamilyContract):
    @pytest.fixture
    def family(self) -> Family:
        return ConvolutionalFamily(InputSpec("x", (1, 28, 28)), 10)


class TestTheFamilyOfTheHowTo(FamilyContract):
    @pytest.fixture
    def family(self) -> Family:
        return names_defined_on("how-to/write-your-own.md")["Towers"](InputSpec("x", (1, 8, 8)), 10)
