"""How numbers are stored and computed: the precisions that a layer can have.

Names decode as ``w<weight bits>[a<activation bits>]``: ``w8a8`` computes with
8-bit integers; ``w8`` and ``w4`` only store weights in that many bits and
compute in 32-bit floats; ``fp32`` and ``fp16`` name the stored float.
"""

from dataclasses import dataclass

from penjing.errors import unknown_name

STORAGE_BITS = {"float32": 32, "float16": 16, "int32": 32, "int8": 8, "uint8": 8, "int4": 4}


@dataclass(frozen=True)
class Precision:
    """One way to store a layer's weights and to compute with them.

    Attributes:
        name: As in a candidate.
        weight_storage: Type of the weights in the file.
        weight_bits: Bits per weight in the file.
        activation_bits: Bits per activation while computing.
        integer: Whether the layer computes with integers, so that its input
            and output are quantized too.
        note: What a user should know before choosing it.
    """

    name: str
    weight_storage: str
    weight_bits: int
    activation_bits: int
    integer: bool
    note: str = ""


PRECISIONS = {
    precision.name: precision
    for precision in (
        Precision("fp32", "float32", 32, 32, False),
        Precision("fp16", "float16", 16, 32, False, "saves bytes only"),
        Precision("w8", "int8", 8, 32, False, "saves bytes only"),
        Precision("w4", "int4", 4, 32, False, "saves bytes only"),
        Precision("w8a8", "int8", 8, 8, True, "saves bytes; saves time where the processor has fast INT8"),
        Precision("w4a8", "int4", 4, 8, True, "4-bit weights save bytes only; activations as in w8a8"),
    )
}


def precision_named(name: str) -> Precision:
    """Look a precision up.

    Raises:
        UnknownNameError: If there is none of that name.

    Example:
        >>> precision_named("w8a8").activation_bits
        8
    """
    if name not in PRECISIONS:
        raise unknown_name("precision", name, PRECISIONS)
    return PRECISIONS[name]
