import pytest
import torch
from tests.unit.networks import Pipeline

from penjing.blueprint import BlueprintBuilder, InputSpec
from penjing.families.plain import build_network
from penjing.training.device import CPU
from penjing.training.precision import fastest, precisions_of, step_ms


def test_another_precision_has_to_be_a_tenth_faster() -> None:
    assert fastest({"fp32": 10.0, "bf16": 9.01}) == "fp32"
    assert fastest({"fp32": 10.0, "bf16": 9.0}) == "bf16"
    assert fastest({"fp32": 10.0, "bf16": 30.0}) == "fp32"
    assert fastest({"fp32": 10.0}) == "fp32"


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx2": True, "avx512_bf16": False}, ("fp32",)),
        ({"avx512_bf16": True}, ("fp32", "bf16")),
        ({"amx_bf16": True}, ("fp32", "bf16")),
        ({"neon": True, "bf16": True}, ("fp32", "bf16")),
    ],
    ids=str,
)
def test_a_processor_says_what_it_computes_in_hardware(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: tuple[str, ...]
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert precisions_of(CPU) == expected


def test_a_torch_that_cannot_be_asked_claims_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert precisions_of(CPU) == ("fp32",)


@pytest.mark.parametrize(("claims", "expected"), [(True, ("fp32", "bf16")), (False, ("fp32",))])
def test_a_gpu_that_only_emulates_bfloat16_does_not_count(
    monkeypatch: pytest.MonkeyPatch, claims: bool, expected: tuple[str, ...]
) -> None:
    def is_bf16_supported(including_emulation: bool = True) -> bool:
        return claims or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)
    assert precisions_of(torch.device("cuda")) == expected


@pytest.mark.parametrize("is_vector", [False, True])
def test_every_precision_is_timed(is_vector: bool) -> None:
    pipeline = Pipeline()
    blueprint = pipeline.plain(pipeline.samples(1)[0])
    if is_vector:
        given = InputSpec("x", (3,), "float32", means=(0.0,) * 3, scales=(1.0,) * 3)
        build = BlueprintBuilder(given)
        blueprint = build.finish(build.linear("head.linear", build.standardise(), 10))
    times_ms = step_ms(
        lambda: build_network(blueprint, trainable=True),
        blueprint.input,
        10,
        16,
        CPU,
        ("fp32", "bf16"),
        seconds=0.1,
    )
    assert list(times_ms) == ["fp32", "bf16"]
    assert all(0 < time_ms < 10_000 for time_ms in times_ms.values())
