import torch
from tests.unit.networks import Pipeline, generator, randomised, structured_pixels

from penjing.blueprint import BlueprintBuilder, InputSpec
from penjing.families.convolutional.settings import OPERATIONS
from penjing.families.elastic import Supernet, largest_shapes
from penjing.space import Candidate

PIPELINE = Pipeline()


def supernet() -> Supernet:
    covering = PIPELINE.family.covering(PIPELINE.architecture)
    made = Supernet(largest_shapes(map(PIPELINE.plain, covering)), generator())
    for name, value in made.named_parameters():  # gains and biases that differ, or a wrong slice goes unseen
        if not name.endswith("weight"):
            value.data += 0.3 * torch.randn(value.shape, generator=generator(1))
    return made


def check(candidate: Candidate, shared: Supernet) -> None:
    blueprint = PIPELINE.plain(candidate)
    shape = blueprint.layers[0].output_shape  # pixels in the candidate's resolution
    pixels = structured_pixels(16, shape)
    torch.testing.assert_close(
        shared.extract(blueprint).train()(pixels), shared(pixels, blueprint), atol=1e-5, rtol=1e-5
    )


def test_what_is_extracted_computes_what_the_supernet_does() -> None:
    shared, seen = supernet(), set()
    for candidate in PIPELINE.samples(40, seed=3):
        check(candidate, shared)
        seen |= {str(value) for name, value in candidate.items() if name.endswith(".operation")}
    assert seen == set(OPERATIONS)


def test_the_largest_of_each_operation_is_extracted_too() -> None:
    shared = supernet()
    for candidate in PIPELINE.family.covering(PIPELINE.architecture):
        check(candidate, shared)


def test_a_dilated_convolution_is_one_in_the_supernet() -> None:
    build = BlueprintBuilder(InputSpec("x", (1, 8, 8)))
    at = build.conv2d("a", build.dequantize(), 4, kernel=5, stride=2, dilation=2)
    blueprint = build.finish(build.linear("head", build.global_average_pool(at), 3))
    shared = Supernet(largest_shapes([blueprint]), generator())
    pixels = structured_pixels(16, blueprint.input.shape)
    torch.testing.assert_close(
        shared.extract(blueprint).train()(pixels), shared(pixels, blueprint), atol=1e-5, rtol=1e-5
    )


def test_what_is_extracted_is_a_copy() -> None:
    shared = supernet()
    blueprint = PIPELINE.plain(PIPELINE.samples(1)[0])
    before = {name: value.clone() for name, value in shared.state_dict().items()}
    randomised(shared.extract(blueprint))
    assert all(torch.equal(value, before[name]) for name, value in shared.state_dict().items())


def test_every_weight_of_the_slice_and_no_other_learns() -> None:
    shared = supernet()
    blueprint = PIPELINE.plain(PIPELINE.samples(1, seed=5)[0])
    pixels = structured_pixels(8, blueprint.layers[0].output_shape)
    shared(pixels, blueprint).square().sum().backward()
    used = {layer.module_name for layer in blueprint.weighted_layers}
    for name, value in shared.named_parameters():
        assert (value.grad is not None) == (name.partition(".")[0] in used)
    conv = blueprint["stem.conv"].tensor("weight").shape
    grad = shared.get_parameter("stem_conv.weight").grad
    assert grad is not None
    assert bool((grad[conv[0] :] == 0).all())


def test_a_slice_is_the_first_channels_and_the_centre_of_the_kernel() -> None:
    shared = Supernet({"a": (6, 4, 5, 5)}, generator())
    layer = next(
        layer
        for candidate in PIPELINE.samples(50)
        for layer in PIPELINE.plain(candidate).weighted_layers
        if layer.tensor("weight").shape == (4, 1, 3, 3)
    )
    named = type(layer)("a", layer.operation, (), (), layer.attributes, tensors=layer.tensors)
    weight = shared.get_parameter("a.weight")
    assert torch.equal(shared.slice(named), weight[:4, :1, 1:4, 1:4])


def test_equal_seeds_give_equal_supernets() -> None:
    shapes = {"a": (6, 4, 5, 5), "b": (10, 6)}
    first, second = Supernet(shapes, generator(3)).state_dict(), Supernet(shapes, generator(3)).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["a.weight"], Supernet(shapes, generator(4)).state_dict()["a.weight"])
