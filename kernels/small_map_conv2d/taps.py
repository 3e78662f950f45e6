"""Which tap of a convolution's kernel joins which pixel of the input to which pixel of the output.

Covers: any kernel, stride, padding and dilation, as `torch.nn.Conv2d` defines them. Does not cover: weights, tensors.
"""

from __future__ import annotations

from typing import NamedTuple

NO_TAP = -1


class Taps(NamedTuple):
    """The taps of one convolution on one size of map.

    output: (height, width) of the output map. tap: for every output pixel and then every input pixel, row by row, the
    index of the kernel's tap that joins them, or NO_TAP.
    """

    output: tuple[int, int]
    tap: tuple[int, ...]

    @property
    def complete(self) -> bool:
        """Every output pixel sees every input pixel."""
        return NO_TAP not in self.tap

    def windows(self, taps: int) -> list[int]:
        """For every output pixel and then every tap: the input pixel that it falls on, or, on padding, their number."""
        outputs = self.output[0] * self.output[1]
        inputs = len(self.tap) // outputs
        found = [inputs] * (outputs * taps)
        for place, tap in enumerate(self.tap):
            if tap != NO_TAP:
                found[place // inputs * taps + tap] = place % inputs
        return found


def taps(
    side: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> Taps:
    """The taps for an input map of `side` pixels; every pair is (height, width).

    >>> taps((1, 1), (3, 3), (1, 1), (1, 1), (1, 1))
    Taps(output=(1, 1), tap=(4,))
    """
    rows, columns = (_axis(*axis) for axis in zip(side, kernel, stride, padding, dilation, strict=True))
    joined = tuple(
        NO_TAP if NO_TAP in (y, x) else y * kernel[1] + x
        for row in rows
        for column in columns
        for y in row
        for x in column
    )
    return Taps((len(rows), len(columns)), joined)


def _axis(side: int, kernel: int, stride: int, padding: int, dilation: int) -> list[list[int]]:
    """Along one axis: a list for each output pixel, with the tap for each input pixel."""
    outputs = (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    reaches = [[pixel + padding - output * stride for pixel in range(side)] for output in range(max(outputs, 0))]
    return [
        [reach // dilation if reach % dilation == 0 and 0 <= reach < dilation * kernel else NO_TAP for reach in line]
        for line in reaches
    ]
