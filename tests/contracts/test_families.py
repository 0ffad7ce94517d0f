"""Every family of networks keeps the contract."""

import numpy as np
import pytest
import torch
from tests.docs.pages import names_defined_on

from penjing.blueprint import InputSpec
from penjing.families import FAMILIES
from penjing.families.convolutional import ConvolutionalFamily
from penjing.families.elastic import Supernet, largest_shapes
from penjing.protocols import Abilities, Family
from penjing.space import SearchSpace
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


class TestThoseThatAConfigurationNames(FamilyContract):
    @pytest.fixture(params=[name for name in FAMILIES if name != "nasbench201"])
    def family(self, request: pytest.FixtureRequest) -> Family:
        return FAMILIES[request.param].family(InputSpec("x", (1, 8, 8)), 10, {})


class TestThoseThatReadVectors(FamilyContract):
    @pytest.fixture(params=[name for name, kind in FAMILIES.items() if kind.reads_vectors])
    def family(self, request: pytest.FixtureRequest) -> Family:
        given = InputSpec("x", (3,), "float32", means=(1.5, -200.0, 7.0), scales=(0.5, 0.01, 0.0))
        return FAMILIES[request.param].family(given, 5, {})


class TestNasBench201(FamilyContract):
    leaves_out_idle_layers = True

    @pytest.fixture
    def family(self) -> Family:
        return FAMILIES["nasbench201"].family(InputSpec("x", (1, 9, 8)), 10, {})


@pytest.mark.parametrize("name", [name for name, kind in FAMILIES.items() if kind.is_elastic])
def test_a_supernet_holds_an_elastic_family(name: str) -> None:
    family = FAMILIES[name].family(InputSpec("x", (1, 8, 8)), 10, {})
    space = SearchSpace(family.choices(Abilities(("fp32",), ())))
    shapes = largest_shapes(map(family.blueprint, family.covering(space.choices)))
    supernet = Supernet(shapes, torch.Generator().manual_seed(0))
    rng = np.random.default_rng(0)
    for _ in range(5):
        blueprint = family.blueprint(space.sample(rng))
        assert supernet(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), blueprint).shape == (2, 10)


class TestTheFamilyOfTheHowTo(FamilyContract):
    @pytest.fixture
    def family(self) -> Family:
        return names_defined_on("how-to/write-your-own.md")["Towers"](InputSpec("x", (1, 8, 8)), 10)
