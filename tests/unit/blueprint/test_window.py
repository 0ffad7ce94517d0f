"""Windows against their definition, written naively, and against torch."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from penjing.blueprint import Window

ODD = st.sampled_from([1, 3, 5, 7])


@given(ODD, st.integers(1, 3), st.integers(1, 3), st.integers(1, 20))
def test_the_pixels_that_it_reads_are_counted(kernel: int, stride: int, dilation: int, size: int) -> None:
    window = Window.of_convolution(kernel, stride, dilation)
    half = kernel // 2
    places = range(0, size, stride)  # of the pixel in its middle
    assert window.n_places(size) == len(places)
    for place, middle in enumerate(places):
        read = [middle + dilation * step for step in range(-half, half + 1)]
        assert window.n_inside(place, size) == sum(0 <= pixel < size for pixel in read)


@given(ODD, st.integers(1, 3), st.integers(1, 20))
def test_pooling_walks_as_a_convolution_does(kernel: int, stride: int, size: int) -> None:
    assert Window.of_pooling(kernel, stride) == Window.of_convolution(kernel, stride)


@pytest.mark.parametrize("kernel", [2, 4])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [5, 8])
def test_sizes_of_even_kernels_are_those_of_torch(kernel: int, stride: int, size: int) -> None:
    image = torch.zeros(1, 1, size, size)
    for window in (Window.of_convolution(kernel, stride), Window.of_pooling(kernel, stride)):
        made = functional.conv2d(
            image, torch.ones(1, 1, kernel, kernel), stride=window.stride, padding=window.padding
        )
        assert made.shape[2] == window.n_places(size)


def test_a_window_of_2_halves() -> None:
    assert Window.of_pooling(2, 2).n_places(8) == 4
