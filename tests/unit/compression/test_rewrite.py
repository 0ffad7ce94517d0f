import pytest
from tests.unit.networks import ALL_PRECISIONS, Pipeline

from penjing.blueprint import Blueprint, BlueprintBuilder, InputSpec, precision_named
from penjing.compression.quantization.method import AS_BLOCK, Quantization, precision_of_layer
from penjing.compression.quantization.rewrite import is_never_negative, with_precisions
from penjing.errors import InvalidValueError, UnknownNameError
from penjing.protocols import Abilities, Block
from penjing.space import Candidate, Condition

PIPELINE = Pipeline()
CANDIDATES = PIPELINE.samples(60, seed=4)


def stored_as(blueprint: Blueprint, name: str) -> str:
    given = blueprint.input
    return given.storage if name == given.name else blueprint[name].output_storage


def test_every_layer_reads_what_it_computes_with() -> None:
    for candidate in CANDIDATES:
        blueprint = PIPELINE.blueprint(candidate)
        for layer in blueprint.layers:
            read = {stored_as(blueprint, name) for name in layer.inputs}
            if layer.operation in ("resize", "dequantize"):
                assert read == {"uint8"}
            elif layer.operation == "quantize":
                assert read == {"float32"}
                assert layer.output_storage == "uint8"
            else:
                integer = precision_named(layer.precision).integer
                assert read == {"uint8" if integer else "float32"}
                assert layer.output_storage == (
                    "uint8" if integer and layer.name != "head.linear" else "float32"
                )
        assert stored_as(blueprint, blueprint.output) == "float32"


def test_there_is_at_most_one_boundary_at_every_tensor_and_none_follows_another() -> None:
    for candidate in CANDIDATES:
        blueprint = PIPELINE.blueprint(candidate)
        boundaries = [layer for layer in blueprint.layers if layer.operation in ("quantize", "dequantize")]
        sources = [layer.inputs[0] for layer in boundaries]
        assert len(set(sources)) == len(sources)
        assert not set(sources) & {layer.name for layer in boundaries}
        read = {name for layer in blueprint.layers for name in layer.inputs}
        assert {layer.name for layer in boundaries} <= read


def test_layers_stand_in_an_order_in_which_they_can_be_computed() -> None:
    for candidate in CANDIDATES:
        blueprint = PIPELINE.blueprint(candidate)
        known = {blueprint.input.name}
        for layer in blueprint.layers:
            assert set(layer.inputs) <= known
            known.add(layer.name)
        assert blueprint.layers[-1].name == blueprint.output


def test_every_layer_gets_the_precision_that_was_asked_with_its_tensors() -> None:
    for candidate in CANDIDATES:
        plain, blueprint = PIPELINE.plain(candidate), PIPELINE.blueprint(candidate)
        assert [layer.name for layer in blueprint.weighted_layers] == [
            layer.name for layer in plain.weighted_layers
        ]
        for layer in blueprint.weighted_layers:
            asked = precision_named(precision_of_layer(layer, candidate))
            assert layer.precision == asked.name
            assert layer.tensor("weight").storage == asked.weight_storage
            assert layer.tensor("bias").storage == ("int32" if asked.integer else "float32")
            roles = {tensor.role for tensor in layer.tensors}
            assert ("weight_scale" in roles) == (asked.weight_bits <= 8)
            assert ("output_scale" in roles) == layer.has_codes
            assert layer.tensor("weight").shape == plain[layer.name].tensor("weight").shape


def test_floats_throughout_are_the_original() -> None:
    for candidate in CANDIDATES:
        plain = PIPELINE.plain(candidate)
        assert with_precisions(plain, lambda layer: "fp32") == plain


def test_integers_throughout_have_no_boundary() -> None:
    for candidate in CANDIDATES:
        blueprint = with_precisions(PIPELINE.plain(candidate), lambda layer: "w8a8")
        assert not [layer for layer in blueprint.layers if layer.operation in ("quantize", "dequantize")]
        assert stored_as(blueprint, blueprint["stem.conv"].inputs[0]) == "uint8"


def test_a_sum_follows_what_it_adds_and_pooling_what_follows_it() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    at = build.conv2d("a", build.dequantize(), 4)
    at = build.add("sum", build.conv2d("b", at, 4, activation="none"), at)
    at = build.add("sum2", at, "a")
    plain = build.finish(build.linear("head", build.global_average_pool(at), 3))
    asked = {"a": "fp32", "b": "w8a8", "head": "w4"}
    integer = with_precisions(plain, lambda layer: asked[layer.name])
    assert [integer[name].precision for name in ("a", "b", "sum", "sum2")] == ["fp32", "w8a8", "w8a8", "w8a8"]
    assert integer["head.pool"].precision == "fp32"
    assert integer["sum"].inputs == ("b", "a.quantize")
    assert integer["head.pool"].inputs == ("sum2.dequantize",)


def test_a_maximum_computes_in_what_it_reads_and_keeps_its_codes() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    build.max_pool("of pixels", build.dequantize(), 3)
    at = build.max_pool("max", build.conv2d("a", "of pixels", 4, activation="none"), 3, 2)
    at = build.add("sum", build.conv2d("b", at, 4), build.max_pool("again", at, 3))
    plain = build.finish(build.linear("head", build.global_average_pool(at), 3))
    integer = with_precisions(plain, lambda layer: "w8a8")
    maxima = [integer[name] for name in ("of pixels", "max", "again")]
    assert [layer.output_storage for layer in maxima] == ["float32", "uint8", "uint8"]
    assert [layer.tensors for layer in maxima] == [(), (), ()]
    assert not any(layer.has_codes for layer in maxima)
    assert integer.source_of_codes("again") == integer.source_of_codes("max") == "a"
    # No boundary but the one behind the maximum of pixels, which are floats by then.
    boundaries = [layer.name for layer in integer.layers if "quantize" in layer.operation]
    assert boundaries == ["input.dequantize", "of pixels.quantize"]
    mixed = with_precisions(plain, lambda layer: "w8" if layer.name == "a" else "w8a8")
    assert mixed["max"].output_storage == "float32"
    assert mixed["b"].inputs == ("max.quantize",)
    assert mixed["sum"].inputs == ("b", "again.quantize")
    assert not is_never_negative(integer, "max")


def test_a_maximum_of_what_is_never_negative_is_not_either() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    at = build.max_pool("max", build.conv2d("a", build.dequantize(), 4), 3)
    plain = build.finish(build.conv2d("b", at, 4))
    mixed = with_precisions(plain, lambda layer: "fp32" if layer.name == "a" else "w8a8")
    assert [tensor.role for tensor in mixed["max.quantize"].tensors] == ["output_scale"]


def test_a_network_that_ends_in_pooling_or_an_integer_layer_gives_floats() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    at = build.conv2d("a", build.dequantize(), 4)
    assert with_precisions(build.finish(at), lambda layer: "w8a8").output == "a.dequantize"
    pooled = with_precisions(build.finish(build.global_average_pool(at)), lambda layer: "w8a8")
    assert pooled["head.pool"].output_storage == "float32"


def test_what_can_be_negative() -> None:
    blueprint = PIPELINE.blueprint(CANDIDATES[0])
    assert not is_never_negative(blueprint, "x")
    assert is_never_negative(blueprint, "stem.conv")
    for candidate in CANDIDATES:
        blueprint = PIPELINE.blueprint(candidate)
        for layer in blueprint.layers:
            if layer.has_codes:
                roles = {tensor.role for tensor in layer.tensors}
                assert ("output_zero_point" in roles) != is_never_negative(blueprint, layer.name)


def test_choices_stand_under_the_conditions_of_their_block_and_layer() -> None:
    block, one = (Condition("depth", (2,)),), (Condition("op", ("a",)),)
    blocks = [Block("stem", (), {"conv": ()}), Block("s.b", block, {"a.conv": one, "c": ()})]
    abilities = Abilities(ALL_PRECISIONS, ())
    made = {
        choice.name: choice
        for choice in Quantization(("fp32", "w4"), per_layer=True).choices(blocks, abilities)
    }
    mixed = (Condition("network.precision", ("mixed",)),)
    per_block = ["stem.precision", "s.b.precision", "s.b.a.conv.precision", "s.b.c.precision"]
    assert list(made) == ["network.precision", *per_block]
    assert made["network.precision"].values == ("fp32", "w4", "mixed")
    assert made["stem.precision"].conditions == mixed
    assert made["s.b.precision"].conditions == (*block, *mixed)
    assert made["s.b.a.conv.precision"].conditions == (*block, *mixed, *one)
    assert made["s.b.c.precision"].values == (AS_BLOCK, "fp32", "w4")
    assert {choice.part for choice in made.values()} == {"compression"}
    assert made["stem.precision"].note == "w4: saves bytes only"
    assert len(Quantization(("fp32", "w4")).choices(blocks, abilities)) == 3
    (only,) = Quantization(("w8",)).choices(blocks, abilities)
    assert (only.name, only.values) == ("network.precision", ("w8",))


def test_notes_do_not_depend_on_the_order_of_the_precisions() -> None:
    choices = Quantization(("w4", "fp32")).choices([Block("a", (), {})], Abilities(ALL_PRECISIONS, ()))
    assert {choice.note for choice in choices} == {"w4: saves bytes only"}


def test_a_layers_own_precision_goes_before_its_blocks() -> None:
    layer = PIPELINE.plain(CANDIDATES[0])["stem.conv"]
    assert precision_of_layer(layer, Candidate({"stem.precision": "w8", "stem.conv.precision": "w4"})) == "w4"
    assert (
        precision_of_layer(layer, Candidate({"stem.precision": "w8", "stem.conv.precision": AS_BLOCK}))
        == "w8"
    )
    assert precision_of_layer(layer, Candidate({"head.precision": "w8"})) == "fp32"
    whole = Candidate({"network.precision": "w4a8", "stem.precision": "w8"})
    assert precision_of_layer(layer, whole) == "w4a8"


def test_precisions_that_the_target_cannot_run_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"cannot run precision 'w4a8'. It runs: fp32, w8a8"):
        Quantization(("fp32", "w4a8")).choices([], Abilities(("fp32", "w8a8"), ()))


def test_unknown_precisions_are_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"'w8a9'. Did you mean 'w8a8'"):
        Quantization(("fp32", "w8a9"))
