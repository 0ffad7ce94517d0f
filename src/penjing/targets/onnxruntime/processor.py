"""What this machine's processor can do, and what follows from it for ONNX Runtime."""

import platform
from collections.abc import Mapping
from pathlib import Path

from penjing.blueprint import PRECISIONS
from penjing.protocols import Abilities

CPUINFO = Path("/proc/cpuinfo")
NAME = "onnxruntime-cpu"
FAST_PRECISIONS = ("fp32", "w8a8")
FLAGS = frozenset(
    {
        "amx_bf16",
        "amx_int8",
        "amx_tile",
        "asimd",
        "asimddp",
        "avx",
        "avx2",
        "avx512_bf16",
        "avx512_fp16",
        "avx512_vnni",
        "avx512bw",
        "avx512dq",
        "avx512f",
        "avx512vl",
        "avx_vnni",
        "bf16",
        "f16c",
        "fma",
        "fphp",
        "i8mm",
        "sse4_1",
        "sse4_2",
        "sve",
    }
)
"""The flags that decide which kernels ONNX Runtime picks; the others are left out of manifests."""

# With any of these the products of 8-bit numbers are added in 32 bits and cannot saturate.
_WIDE_SUMS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
_X86 = frozenset({"x86_64", "amd64", "i686", "i386"})


def processor_info(cpuinfo: str | None = None, machine: str | None = None) -> dict[str, object]:
    r"""Describe the processor for a manifest.

    Args:
        cpuinfo: Text in the form of ``/proc/cpuinfo``; None reads that file, which may be absent.
        machine: Name of the architecture, as ``x86_64``; None asks the system.

    Returns:
        ``model``, ``machine``, ``flags`` (sorted, only those that matter here) and ``logical_cores``.

    Example:
        >>> processor_info("model name : A\nflags : fpu avx2 fma", machine="x86_64")["flags"]
        ['avx2', 'fma']
    """
    if cpuinfo is None:
        cpuinfo = CPUINFO.read_text(encoding="utf-8", errors="replace") if CPUINFO.is_file() else ""
    first: dict[str, str] = {}
    n_cores = 0
    for line in cpuinfo.splitlines():
        key, colon, value = (part.strip() for part in line.partition(":"))
        if colon:
            n_cores += key == "processor"
            first.setdefault(key, value)
    machine = machine or platform.machine()
    found = (first.get("flags") or first.get("Features") or "").split()
    return {
        "model": first.get("model name") or first.get("Model") or platform.processor() or machine,
        "machine": machine,
        "flags": sorted(FLAGS.intersection(found)),
        "logical_cores": n_cores,
    }


def abilities(info: Mapping[str, object] | None = None) -> Abilities:
    """What ONNX Runtime runs on this processor, and what it runs fast.

    Without VNNI or AMX an x86 processor adds two products of 8-bit numbers in 16 bits, which saturate:
    weights of integer layers must keep to 7 bits there.

    Args:
        info: From :func:`processor_info`; None looks at this machine.

    Example:
        >>> old = processor_info("flags : sse4_1 avx avx2 fma", machine="x86_64")
        >>> abilities(old).reduced_range, abilities(old).width_multiple
        (True, 8)
    """
    info = processor_info() if info is None else info
    flags = info["flags"]
    assert isinstance(flags, list)
    is_x86 = str(info["machine"]).lower() in _X86
    return Abilities(
        precisions=tuple(PRECISIONS),
        fast_precisions=FAST_PRECISIONS,
        width_multiple=_width_multiple(set(flags), is_x86),
        reduced_range=is_x86 and not _WIDE_SUMS.intersection(flags),
        processor_flags=tuple(flags),
    )


def _width_multiple(flags: set[str], is_x86: bool) -> int:
    """Numbers of 32 bits in a vector register, the unit in which channels are blocked."""
    if not is_x86:
        return 4
    return 16 if "avx512f" in flags else 8
