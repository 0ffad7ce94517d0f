"""How a convolution or a pooling walks over an image: the same along both axes, so one tells all."""

from typing import NamedTuple


class Window(NamedTuple):
    """A square of pixels that are read together, and where it stands.

    Attributes:
        kernel: Pixels that it reads along an axis.
        stride: Pixels between two of its places.
        padding: Pixels outside the image, on every side, that it may cover.
        dilation: Pixels from one that it reads to the next; 1 for neighbours.

    Example:
        >>> dilated = Window.of_convolution(kernel=3, stride=1, dilation=2)
        >>> dilated.n_places(8), [dilated.n_inside(place, 8) for place in range(8)]
        (8, [2, 2, 3, 3, 3, 3, 2, 2])
    """

    kernel: int
    stride: int
    padding: int
    dilation: int = 1

    @classmethod
    def of_convolution(cls, kernel: int, stride: int, dilation: int = 1) -> "Window":
        """Padded so that an odd kernel keeps the size where the stride is 1."""
        return cls(kernel, stride, dilation * (kernel // 2), dilation)

    @classmethod
    def of_pooling(cls, kernel: int, stride: int) -> "Window":
        """Padded as a convolution where the kernel is odd, and so that a kernel of 2 halves with stride 2."""
        return cls(kernel, stride, (kernel - 1) // 2)

    def n_places(self, size: int) -> int:
        """How many places it has along an axis of ``size`` pixels: the size of the result."""
        reach = self.dilation * (self.kernel - 1) + 1
        return (size + 2 * self.padding - reach) // self.stride + 1

    def n_inside(self, place: int, size: int) -> int:
        """How many of the pixels that it reads at a place lie on an axis of ``size`` pixels."""
        first = place * self.stride - self.padding
        # Steps to the first pixel on the image, and to the first behind it: rounded up.
        onto, behind = -(first // self.dilation), -((first - size) // self.dilation)
        return min(self.kernel, behind) - max(onto, 0)
