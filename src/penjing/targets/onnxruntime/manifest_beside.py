"""Was a file chosen for another kind of processor? The manifest beside it says for which."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from penjing.blueprint import PRECISIONS
from penjing.errors import PenjingError
from penjing.store import Manifest
from penjing.targets.onnxruntime.processor import abilities, processor_info


def processor_warnings(path: str | Path, processor: Mapping[str, object] | None = None) -> list[str]:
    """What a manifest beside a file gives reason to doubt on this processor.

    A manifest that cannot be read, that does not list the file, or that names
    no flags says nothing about it.

    Args:
        path: The file, in the folder of a design or of an export.
        processor: From :func:`processor_info`; None looks at this machine.

    Returns:
        Sentences for the user; none if the flags are those of the manifest.
    """
    path = Path(path)
    here = processor_info() if processor is None else processor
    try:
        manifest = Manifest.read(path.parent)
    except PenjingError:  # other programs call their files manifest.json, too
        return []
    flags = abilities(here).processor_flags
    missing = [flag for flag in manifest.processor if flag not in flags]
    added = [flag for flag in flags if flag not in manifest.processor]
    if path.name not in manifest.checksums or not manifest.processor or not (missing or added):
        return []
    text = (
        f"{path.name} was chosen for another kind of processor: {_difference(missing, added)}. "
        "Latencies in its manifest do not hold here."
    )
    if abilities(here).reduced_range and not _kept_to_7_bits(manifest) and _has_8_bit_sums(manifest):
        text += " Sums of its 8-bit layers can saturate here: check its accuracy on this machine."
    return [text]


def _difference(missing: Sequence[str], added: Sequence[str]) -> str:
    parts = [f"it had {', '.join(missing)}, which this one lacks"] if missing else []
    parts += [f"this one has {', '.join(added)} besides"] if added else []
    return "; ".join(parts)


def _kept_to_7_bits(manifest: Manifest) -> bool:
    is_x86 = any(flag.startswith(("amx", "avx", "sse")) for flag in manifest.processor)
    there = {"machine": "x86_64" if is_x86 else "other", "flags": list(manifest.processor)}
    return abilities(there).reduced_range


def _has_8_bit_sums(manifest: Manifest) -> bool:
    summing = {name for name, known in PRECISIONS.items() if known.integer and known.weight_bits == 8}
    return any(layer.get("precision") in summing for layer in manifest.blueprint.get("layers", ()))


__all__ = ["processor_warnings"]
