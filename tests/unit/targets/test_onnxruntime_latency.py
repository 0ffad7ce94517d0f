"""The clock, the latency model and the target; how fast something is, is never tested."""

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec
from penjing.compression.quantization.rewrite import with_precisions
from penjing.errors import ArtifactError, FormatVersionError, InvalidValueError, ShapeError, UnknownNameError
from penjing.targets.onnxruntime import protocol
from penjing.targets.onnxruntime.file_measurement import measure_file
from penjing.targets.onnxruntime.latency_features import USUAL_PRICES_US, layer_amounts
from penjing.targets.onnxruntime.latency_model import NAMES, LatencyModel, relative_errors
from penjing.targets.onnxruntime.nonnegative import nonnegative_prices
from penjing.targets.onnxruntime.processor import abilities, processor_info
from penjing.targets.onnxruntime.protocol import Latency, measure_latency
from penjing.targets.onnxruntime.random_networks import choose_networks, random_artifact
from penjing.targets.onnxruntime.runtime import Session, empty_artifact, measure_empty_call
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu

SERVER = "processor : 0\nmodel name : Big\nflags : fpu avx2 avx512f avx512_vnni sse4_1\nprocessor : 1\n"


def network(rng: np.random.Generator, precisions: tuple[str, ...] = ("fp32", "w8a8")) -> Blueprint:
    """A random network with every kind of convolution, a sum and random precisions."""
    build = BlueprintBuilder(InputSpec("x", (1, 16, 16)))
    at = build.dequantize(build.resize((12, 12)) if rng.random() < 0.5 else None)
    at = build.conv2d(
        "stem", at, int(rng.choice([8, 12, 16])), int(rng.choice([3, 5])), int(rng.integers(1, 3))
    )
    for index in range(int(rng.integers(1, 4))):
        width = int(rng.choice([8, 16, 24]))
        at = build.conv2d(f"b{index}.a", at, width, int(rng.choice([1, 3])))
        at = build.conv2d(f"b{index}.d", at, width, 3, int(rng.integers(1, 3)), groups=width)
        again = build.conv2d(f"b{index}.p", at, width, 1, activation="none")
        at = build.add(f"b{index}.add", again, at)
    made = build.finish(build.linear("head", build.global_average_pool(at), 10))
    return with_precisions(made, lambda layer: str(rng.choice(precisions)))


def onnx_file(folder: Path, operation: str, shape: list[str | int], domain: str = "") -> Path:
    node = helper.make_node(operation, ["x"], ["y"], domain=domain)
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
    opsets = [helper.make_opsetid("", 21)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(
        helper.make_graph([node], "g", [given], [made]), opset_imports=opsets, ir_version=10
    )
    path = folder / "file.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_a_processor_is_read_from_its_description() -> None:
    info = processor_info(SERVER, machine="x86_64")
    assert info == {
        "model": "Big",
        "machine": "x86_64",
        "flags": ["avx2", "avx512_vnni", "avx512f", "sse4_1"],
        "logical_cores": 2,
    }


@pytest.mark.parametrize(
    ("text", "machine", "reduced", "multiple"),
    [
        (SERVER, "x86_64", False, 16),
        ("flags : avx2 fma", "x86_64", True, 8),
        ("flags : avx2 avx_vnni", "x86_64", False, 8),
        ("Features : asimd asimddp", "aarch64", False, 4),
        ("", "arm64", False, 4),
    ],
)
def test_abilities_follow_from_the_flags(text: str, machine: str, reduced: bool, multiple: int) -> None:
    found = abilities(processor_info(text, machine))
    assert (found.reduced_range, found.width_multiple) == (reduced, multiple)
    assert set(found.fast_precisions) <= set(found.precisions)


class FixedCost:
    """Something to time that takes a known number of ticks of a false clock."""

    threads = 1

    def __init__(self, clock: list[float], seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    def random_input(self, batch: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {}

    def run(self, given: object) -> list[object]:
        self.clock[0] += self.seconds
        return []


def test_the_clock_reports_what_a_call_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(protocol, "perf_counter", lambda: clock[0])
    sessions = {"slow": FixedCost(clock, 4e-3), "quick": FixedCost(clock, 1e-4)}
    made = measure_latency(sessions, "quick", seconds_each=0, min_blocks=7)
    assert list(made) == ["slow", "quick"]
    assert made["slow"].value == pytest.approx(4.0)
    assert made["quick"].value == pytest.approx(0.1)
    assert made["slow"].ratio_to_reference == pytest.approx(40)
    assert made["quick"].spread == pytest.approx(0, abs=1e-9)
    assert made["slow"].calls == 7  # a block of one call is longer than a millisecond
    assert made["quick"].calls in (70, 77)


def test_two_small_networks_are_timed(rng: np.random.Generator) -> None:
    sessions = {name: Session(random_artifact(network(rng), rng, True)) for name in "ab"}
    made = measure_latency(sessions, "a", seconds_each=0.01, min_blocks=6, rng=rng)
    for latency in made.values():
        assert 0 < latency.low <= latency.value <= latency.high
        assert latency.calls > 0
        assert (latency.threads, latency.batch) == (1, 1)
    assert made["a"].ratio_to_reference == 1.0
    assert made["a"].as_dict()["value_ms"] == made["a"].value
    assert measure_empty_call(seconds=0.01).value > 0


def test_measuring_refuses_what_it_cannot_do() -> None:
    session = {"a": Session(empty_artifact())}
    with pytest.raises(InvalidValueError, match="sessions is empty"):
        measure_latency({})
    with pytest.raises(UnknownNameError, match="'b'"):
        measure_latency(session, "b")
    with pytest.raises(InvalidValueError, match="batch must be at least 1, got 0"):
        measure_latency(session, batch=0)
    with pytest.raises(InvalidValueError, match="min_blocks must be at least 6, got 2"):
        measure_latency(session, min_blocks=2)
    with pytest.raises(InvalidValueError, match="seconds_each must be 0 or more, got -1"):
        measure_latency(session, seconds_each=-1)


def test_batches_do_not_change_predictions(rng: np.random.Generator) -> None:
    session = Session(random_artifact(network(rng, ("fp32",)), rng, True))
    assert (session.input_name, session.input_shape, session.input_type) == ("x", (None, 1, 16, 16), "uint8")
    x = rng.integers(0, 256, (7, 1, 16, 16)).astype(np.uint8)
    assert session.predict(x).dtype == np.float32
    np.testing.assert_allclose(session.predict(x, batch=3), session.predict(x), rtol=1e-5, atol=1e-5)


def as_written(artifact: bytes, x: np.ndarray) -> np.ndarray:
    """What a file says where no node of it was replaced."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])
    return np.asarray(plain.run(None, {"x": x})[0])


def test_float_layers_between_integer_layers_stay_float(rng: np.random.Generator) -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    at = build.conv2d("a", build.dequantize(), 8)
    at = build.conv2d("c", build.conv2d("b", at, 8), 8)
    made = build.finish(build.linear("head", build.global_average_pool(at), 4))
    mixed = with_precisions(made, lambda layer: "fp32" if layer.name == "b" else "w8a8")
    artifact = random_artifact(mixed, rng, True)
    x = rng.integers(0, 256, (4, 1, 8, 8)).astype(np.uint8)
    # A code may round the other way where sums are added in another order.
    np.testing.assert_allclose(Session(artifact).predict(x), as_written(artifact, x), atol=5e-3)


def test_float_layers_before_a_maximum_stay_float(rng: np.random.Generator) -> None:
    """ONNX Runtime rounds before the maximum, and would then make the layer before it one of integers."""
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    at = build.conv2d("b", build.conv2d("a", build.dequantize(), 8), 8, dilation=2)
    at = build.max_pool("twice", build.max_pool("max", at, 3, 2), 3)
    made = build.finish(build.linear("head", build.global_average_pool(build.conv2d("c", at, 8)), 4))
    mixed = with_precisions(made, lambda layer: "fp32" if layer.name == "b" else "w8a8")
    assert mixed["c"].inputs == ("twice.quantize",)
    artifact = random_artifact(mixed, rng, True)
    x = rng.integers(0, 256, (4, 1, 8, 8)).astype(np.uint8)
    np.testing.assert_allclose(Session(artifact).predict(x), as_written(artifact, x), atol=5e-3)


def test_a_session_refuses_what_it_cannot_run(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"There is no file .*nowhere\.onnx"):
        Session(tmp_path / "nowhere.onnx")
    with pytest.raises(ArtifactError, match=r"\(4 bytes\) is not an ONNX file"):
        Session(b"junk")
    with pytest.raises(ArtifactError, match=r"needs operations .*my\.ops:Foo"):
        Session(onnx_file(tmp_path, "Foo", ["N", 2], "my.ops"))
    with pytest.raises(InvalidValueError, match="threads must be at least 1, got 0"):
        Session(empty_artifact(), threads=0)
    session = Session(empty_artifact())
    with pytest.raises(ShapeError, match=r"\[n, 1\], got \[3, 2\]"):
        session.predict(np.zeros((3, 2), np.float32))
    with pytest.raises(ShapeError, match="at least one example, got 0"):
        session.predict(np.zeros((0, 1), np.float32))
    with pytest.raises(InvalidValueError, match="x must be float32, got uint8"):
        session.predict(np.zeros((3, 1), np.uint8))
    with pytest.raises(InvalidValueError, match="batch must be at least 1, got 0"):
        session.predict(np.zeros((3, 1), np.float32), batch=0)


def test_any_file_is_measured(tmp_path: Path) -> None:
    made = measure_file(onnx_file(tmp_path, "Relu", ["N", 5]), batches=(1, 4), seconds=0.01)
    assert made["format_version"] == 1
    assert set(made["latency"]) == {"1", "4"}
    assert made["batch_is_free"]
    assert made["throughput_per_s"] > 0
    assert made["size_bytes"] == (tmp_path / "file.onnx").stat().st_size
    assert made["peak_memory_bytes"] >= 0
    json.dumps(made)


def test_a_fixed_batch_is_said_and_other_free_axes_are_refused(tmp_path: Path) -> None:
    made = measure_file(onnx_file(tmp_path, "Relu", [3, 5]), seconds=0.01)
    assert not made["batch_is_free"]
    assert set(made["latency"]) == {"3"}
    with pytest.raises(ArtifactError, match=r"free axes \[1\]"):
        measure_file(onnx_file(tmp_path, "Relu", ["N", "length"]))
    with pytest.raises(InvalidValueError, match=r"batches must hold numbers of at least 1, got \[0\]"):
        measure_file(tmp_path / "file.onnx", batches=(0,))


def test_work_is_counted_in_padded_blocks() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    at = build.conv2d("a", build.dequantize(), 16)
    made = build.finish(build.conv2d("b", at, 12, kernel=1))
    amounts = layer_amounts(made, made["b"], 8)
    assert amounts["float_point.macs"] == 16 * 16 * 64 / 1e6
    assert amounts["float_point.cycles"] == pytest.approx((10 * 6 + 2 * 3) * 16 / 1e3)
    integer = with_precisions(made, lambda layer: "w8a8")
    amounts = layer_amounts(integer, integer["a"], 8)
    assert amounts["integer_convolution.macs"] == 64 * 12 * 16 / 1e6
    assert amounts["integer_patches.copies"] == 64 * 9 / 1e3


def test_a_dilated_convolution_costs_what_lies_on_the_picture() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    build.conv2d("near", build.dequantize(), 16, kernel=3)
    build.conv2d("far", "near", 16, kernel=3, groups=16, dilation=2)
    made = build.finish(build.conv2d("same", "near", 16, kernel=3, groups=16))
    far, near = (layer_amounts(made, made[name], 8) for name in ("far", "same"))
    assert far["float_depthwise.macs"] == near["float_depthwise.macs"]
    # Along a side of 8 pixels, filters reach 22 places on the picture where their places are neighbours,
    # and 20 where they are not; more of them stand at an edge, which takes longer.
    row_of = {"near": 2 * 3 * (2 * 3.0 + 2 * 3.0), "far": 2 * 3 * (1 * 3.0 + 1 * 3.0 + 4 * 3.0)}
    assert near["float_depthwise.cycles"] == pytest.approx(22 * row_of["near"] / 1e3)
    assert far["float_depthwise.cycles"] == pytest.approx(20 * row_of["far"] / 1e3)
    integer = with_precisions(made, lambda layer: "w8a8")
    far, near = (layer_amounts(integer, integer[name], 8) for name in ("far", "same"))
    assert far == near


@pytest.mark.parametrize("stride", [1, 2])
def test_a_maximum_of_codes_costs_a_depthwise_convolution_without_its_results(stride: int) -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    build.conv2d("a", build.dequantize(), 12)
    build.max_pool("max", "a", 3, stride)
    made = build.finish(build.conv2d("deep", "a", 12, 3, stride, groups=12))
    integer = with_precisions(made, lambda layer: "w8a8")
    found, deep = (layer_amounts(integer, integer[name], 16) for name in ("max", "deep"))
    pixels = 64 // stride**2
    assert found == {
        "integer_depthwise.nodes": 1.0,
        "integer_depthwise.macs": pytest.approx(12 * 9 * pixels / 1e6),
        "integer_depthwise.pixels": pytest.approx(9 * pixels / 1e3),
    }
    assert {name: deep[name] for name in found} == found
    assert layer_amounts(made, made["max"], 16) == {
        "add_float.nodes": 1.0,
        "add_float.elements": pytest.approx(12 * 64 / 1e3),
    }


def test_what_only_kernels_of_512_bits_do_is_counted_where_they_run() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 14, 14)))
    at = build.conv2d("a", build.dequantize(), 8)
    at = build.conv2d("b", build.conv2d("deep", at, 8, groups=8), 16)
    made = build.finish(build.linear("head", build.global_average_pool(at), 10))
    pool = next(layer for layer in made.layers if layer.operation == "global_average_pool")
    # Eight channels fill a block of 8 but not one of 16: those are brought back to rows to be read.
    assert layer_amounts(made, made["b"], 16)["float_reorder.elements"] == pytest.approx(8 * 14 * 14 / 1e3)
    assert "float_reorder.nodes" not in layer_amounts(made, made["b"], 8)
    assert "float_reorder.nodes" not in layer_amounts(made, made["a"], 16)
    assert "float_reorder.nodes" not in layer_amounts(made, pool, 16)
    assert layer_amounts(made, made["deep"], 16)["float_depthwise.rows"] == pytest.approx(14 / 1e3)
    integer = with_precisions(made, lambda _: "w8a8")
    assert layer_amounts(integer, integer["a"], 16)["integer_narrow.pixels"] == pytest.approx(14 * 14 / 1e3)
    assert "integer_narrow.pixels" not in layer_amounts(integer, integer["b"], 16)
    assert layer_amounts(integer, integer["deep"], 16)["integer_uneven.macs"] > 0
    narrow = [layer_amounts(integer, layer, 8) for layer in integer.layers]
    assert not any(name.startswith(("integer_narrow", "integer_uneven")) for made in narrow for name in made)


def test_prices_equal_those_of_another_library(rng: np.random.Generator) -> None:
    nnls = pytest.importorskip("scipy.optimize").nnls
    work = rng.random((30, 8)) * (rng.random((30, 8)) < 0.7)
    times = work @ np.array([0, 1, 2, 0, 3, 0.1, 0, 1.0]) + 0.3
    expected, _ = nnls(work / times[:, None], np.ones(30))
    found = nonnegative_prices(work, times, np.zeros(8), 1e-12, reweightings=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def synthetic_ms(blueprint: Blueprint) -> float:
    """An additive cost that is not proportional to the usual prices."""
    price = {
        name: usual * (1 + 0.7 * np.sin(index))
        for index, (name, (usual, _)) in enumerate(USUAL_PRICES_US.items())
    }
    amounts = [layer_amounts(blueprint, layer, 8) for layer in blueprint.layers]
    return (price["call.nodes"] + sum(price[k] * v for one in amounts for k, v in one.items())) / 1e3


def test_a_model_recovers_an_additive_cost_on_fresh_networks(rng: np.random.Generator) -> None:
    blueprints = [network(rng) for _ in range(60)]
    model = LatencyModel.fit(blueprints, [synthetic_ms(blueprint) for blueprint in blueprints], rng)
    fresh = [network(rng) for _ in range(40)]
    found = relative_errors(model.predict_many(fresh), np.array([synthetic_ms(one) for one in fresh]))
    assert found["within_10_percent"] >= 0.95
    assert found["spearman"] > 0.98
    assert model.cross_validated_error["within_10_percent"] >= 0.9


@pytest.mark.parametrize("of", [0, 1])
def test_few_networks_of_a_processor_whose_prices_are_known_are_enough(
    of: int, rng: np.random.Generator
) -> None:
    def known_ms(blueprint: Blueprint) -> float:
        amounts = LatencyModel(16, np.zeros(len(NAMES)), {}).amounts(blueprint)
        return float(
            sum(2e-3 * USUAL_PRICES_US[name][of] * n for name, n in zip(NAMES, amounts, strict=True))
        )

    blueprints = [network(rng) for _ in range(12)]
    model = LatencyModel.fit(blueprints, [known_ms(one) for one in blueprints], rng, width_multiple=16)
    fresh = [network(rng) for _ in range(40)]
    found = relative_errors(model.predict_many(fresh), np.array([known_ms(one) for one in fresh]))
    assert found["median_relative_error"] < 0.01


def test_a_disturbed_measurement_does_not_bend_the_others(rng: np.random.Generator) -> None:
    blueprints = [network(rng) for _ in range(60)]
    times = np.array([synthetic_ms(blueprint) for blueprint in blueprints])
    disturbed = times.copy()
    disturbed[:4] *= 3
    model = LatencyModel.fit(blueprints, disturbed, rng)
    assert relative_errors(model.predict_many(blueprints), times)["within_10_percent"] >= 0.9


def test_a_model_survives_json(rng: np.random.Generator) -> None:
    blueprints = [network(rng) for _ in range(20)]
    model = LatencyModel.fit(blueprints, [synthetic_ms(blueprint) for blueprint in blueprints], rng)
    again = LatencyModel.from_dict(json.loads(json.dumps(model.as_dict())))
    np.testing.assert_array_equal(again.predict_many(blueprints), model.predict_many(blueprints))
    assert again.predict_ms(blueprints[3]) == pytest.approx(model.predict_many(blueprints)[3])
    assert again.cross_validated_error == model.cross_validated_error
    with pytest.raises(FormatVersionError, match="format_version 99"):
        LatencyModel.from_dict({**model.as_dict(), "format_version": 99})


def test_what_an_earlier_version_did_not_count_costs_nothing(rng: np.random.Generator) -> None:
    prices = np.where([name.endswith(".steps") for name in NAMES], 0.0, 1.0)
    model = LatencyModel(16, prices, {})
    kept = {name: price for name, price in zip(NAMES, prices.tolist(), strict=True) if price}
    earlier = LatencyModel.from_dict({**model.as_dict(), "format_version": 3, "prices_ms": kept})
    blueprint = network(rng)
    assert earlier.predict_ms(blueprint) == model.predict_ms(blueprint) > 0
    with pytest.raises(FormatVersionError, match="with its own features"):
        LatencyModel.from_dict({**model.as_dict(), "prices_ms": {**kept, "unknown.nodes": 1.0}})


def test_a_model_refuses_too_few_networks_and_false_latencies(rng: np.random.Generator) -> None:
    with pytest.raises(
        InvalidValueError, match="at least 8 networks and one latency for each, got 3 networks"
    ):
        LatencyModel.fit([network(rng)] * 3, [1.0] * 3, rng)
    with pytest.raises(InvalidValueError, match=r"positive and finite, got 0\.0 ms"):
        LatencyModel.fit([network(rng)] * 8, [1.0] * 7 + [0.0], rng)


def test_chosen_networks_reach_both_ends_of_the_space(rng: np.random.Generator) -> None:
    drawn: list[Blueprint] = []

    def sample(stream: np.random.Generator) -> Blueprint:
        drawn.append(network(stream))
        return drawn[-1]

    def size(blueprint: Blueprint) -> np.ndarray:
        return np.array([len(blueprint.layers)], dtype=np.float32)

    chosen = choose_networks(sample, 8, rng, size)
    assert len(chosen) == 8
    lengths = [len(blueprint.layers) for blueprint in drawn]
    found = [len(blueprint.layers) for blueprint in chosen]
    assert (min(found), max(found)) == (min(lengths), max(lengths))
    with pytest.raises(InvalidValueError, match="n must be at least 1, got 0"):
        choose_networks(sample, 0, rng)


def test_the_target_counts_what_it_writes_and_keeps_its_latency_model(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # Eight networks on a busy machine teach little; what is kept must not depend on that.
    monkeypatch.setattr("penjing.targets.onnxruntime.target._WORTH_KEEPING", -1.0)
    target = OnnxRuntimeCpu()
    blueprint = network(rng)
    assert target.size_bytes(blueprint) == len(random_artifact(blueprint, rng, True))
    model = target.latency_model("key", network, rng, 8, 0.05)
    assert model.metronome_ms > 0
    assert target.cache_path("key").is_file()
    assert target.cache_path("key") != target.cache_path("other")
    again = target.latency_model("key", lambda _: pytest.fail("measured again"), rng)
    assert again.predict_ms(blueprint) == model.predict_ms(blueprint) > 0
    assert again.metronome_ms == model.metronome_ms
    assert set(NAMES) == set(model.as_dict()["prices_ms"])


def test_the_fit_tells_how_far_it_is(rng: np.random.Generator) -> None:
    told: list[tuple[int, int]] = []
    OnnxRuntimeCpu().fit_latency_model(network, rng, 8, 0.05, lambda *at: told.append(at))
    made, planned = told[-1]
    assert made == planned >= 8
    assert made % 8 == 0


def test_what_does_not_repeat_serves_one_run_alone(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("penjing.targets.onnxruntime.target._TOLERATED_DISAGREEMENT", -1.0)
    target = OnnxRuntimeCpu()
    assert target.latency_model("key", network, rng, 8, 0.05).metronome_ms > 0
    assert not target.cache_path("key").exists()


def test_the_target_measures_and_predicts(rng: np.random.Generator) -> None:
    target = OnnxRuntimeCpu()
    artifact = random_artifact(network(rng), rng, True)
    made = target.measure({"a": artifact}, seconds_each=0.01, min_blocks=6)
    assert isinstance(made["a"], Latency)
    assert target.predict(artifact, np.zeros((2, 1, 16, 16), np.uint8)).shape == (2, 10)
    assert target.version()


def test_a_cache_that_cannot_be_written_costs_no_run(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("penjing.targets.onnxruntime.target._WORTH_KEEPING", -1.0)
    target = OnnxRuntimeCpu()
    assert target.latency_model("key", network, rng, 8, 0.05).metronome_ms > 0


def test_a_file_whose_batch_is_fixed_inside_is_measured_with_what_it_takes(tmp_path: Path) -> None:
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])
    made_by = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [2, 3])
    node = helper.make_node("Reshape", ["x", "shape"], ["y"])
    graph = helper.make_graph([node], "g", [given], [made_by], [shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    path = tmp_path / "fixed.onnx"
    path.write_bytes(model.SerializeToString())
    made = measure_file(path, batches=(1, 64), seconds=0.01)
    assert list(made["latency"]) == ["1"]
    assert made["throughput_batch"] == 1
    assert any("does not run with a batch of 64" in warning for warning in made["warnings"])
    with pytest.raises(ArtifactError, match="cannot be run with a batch of 64"):
        measure_file(path, batches=(64,), seconds=0.01)
