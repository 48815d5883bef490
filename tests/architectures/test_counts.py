"""Every named network: the published counts, any shape and size, and the first layer that has no room."""

import warnings

import pytest

import netgrad as ng
from netgrad import architectures
from netgrad.registry import from_config, to_config

IMAGENET, LARGE, CIFAR = (224, 224, 3), (299, 299, 3), (32, 32, 3)

# Network, settings, the shape it was made for, its weights. AlexNet: in one piece and in two (Krizhevsky et al. 2012);
# one tower, VGG, GoogLeNet with normalisation and ResNet: torchvision's own numbers; GoogLeNet: Caffe's, without and
# with auxiliary outputs; ZFNet: by hand; ResNet-20: the paper's 0.27 million and two projections; the last two: timm's.
COUNTS = [
    ("lenet5", {}, (32, 32, 1), 60_850),
    ("lenet5_modern", {}, (32, 32, 1), 61_706),
    ("alexnet", {}, (227, 227, 3), 62_378_344),
    ("alexnet", {"groups": 2}, (227, 227, 3), 60_965_224),
    ("alexnet", {"one_tower": True}, IMAGENET, 61_100_840),
    ("zfnet", {}, IMAGENET, 107_627_624),
    ("zfnet", {"wider": False}, IMAGENET, 62_357_608),
    ("vgg16", {}, IMAGENET, 138_357_544),
    ("vgg19", {}, IMAGENET, 143_667_240),
    ("googlenet", {}, IMAGENET, 6_998_552),
    ("googlenet", {"auxiliary": True}, IMAGENET, 13_378_280),
    ("googlenet", {"batch_norm": True}, IMAGENET, 6_624_904),
    ("googlenet", {"batch_norm": True, "auxiliary": True}, IMAGENET, 13_004_888),
    ("resnet18", {}, IMAGENET, 11_689_512),
    ("resnet34", {}, IMAGENET, 21_797_672),
    ("resnet50", {}, IMAGENET, 25_557_032),
    ("resnet101", {}, IMAGENET, 44_549_160),
    ("resnet152", {}, IMAGENET, 60_192_808),
    ("resnet20", {}, CIFAR, 272_474),
    ("inception_v4", {}, LARGE, 42_679_816),
    ("inception_resnet_v2", {}, LARGE, 55_843_464),
]

# The fewest pixels that leave room in every layer, the first layer that has none with one fewer, and its formula.
ROOM = [
    ("lenet5", 32, "c5", r"floor\(\(4 - 5 \+ 0\)/1\) \+ 1"),
    ("alexnet", 67, "pool5", r"floor\(\(2 - 3 \+ 0\)/2\) \+ 1"),
    ("zfnet", 63, "pool5", r"floor\(\(2 - 3 \+ 0\)/2\) \+ 1"),
    ("vgg16", 32, "pool5", r"floor\(\(1 - 2 \+ 0\)/2\) \+ 1"),
    ("inception_v4", 75, "reduction_b/branch0/1/conv", r"floor\(\(2 - 3 \+ 0\)/2\) \+ 1"),
    ("inception_resnet_v2", 75, "mixed_7a/branch0/1/conv", r"floor\(\(2 - 3 \+ 0\)/2\) \+ 1"),
]


def quietly(net, shape):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ng.NetgradWarning)  # of rows that no window reaches
        return net.shapes(shape)


OTHERS = {"draw", "encoder_decoder", "pervasive_attention", "transformer"}  # modules of networks without classes
PICTURES = [n for n in architectures.__all__ if getattr(architectures, n).__module__.split(".")[-1] not in OTHERS]


def test_every_network_is_listed():
    assert {name for name, *_ in COUNTS} == set(PICTURES)


@pytest.mark.parametrize(("name", "settings", "shape", "weights"), COUNTS)
def test_the_counts_are_those_that_were_published(name, settings, shape, weights):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what a network was made for, its windows fit
        net = getattr(architectures, name)(**settings)
        assert net.summary(shape).parameters == weights
    assert from_config(to_config(ng.Network.from_nodes(net.inputs, net.nodes, net.outputs, net.views))) == net


@pytest.mark.parametrize(("name", "pixels", "layer", "formula"), ROOM)
def test_an_image_too_small_is_refused_by_the_first_layer_that_has_no_room(name, pixels, layer, formula):
    net = getattr(architectures, name)(size=0.1)
    quietly(net, (pixels, pixels, 3))
    with pytest.raises(ng.ShapeError, match=f"^{layer}: {formula} leaves 0 rows: use a smaller window"):
        quietly(net, (pixels - 1, pixels - 1, 3))


@pytest.mark.parametrize("name", [n for n in PICTURES if not n.startswith("lenet5")])
def test_any_shape_size_and_number_of_classes(name):
    net = getattr(architectures, name)(7, size=0.13)
    shapes = quietly(net, (97, 80, 2))
    assert list(shapes.values())[-1] == (7,)
    if name.startswith(("resnet", "googlenet")):  # these average all positions at the end
        quietly(net, (1, 1, 2))


def test_first_maps_of_alexnet_and_the_room_of_a_residual_row():
    rows = architectures.alexnet().summary((227, 227, 3)).rows
    assert [row.out_shape for row in rows if row.name in ("conv1", "conv2", "pool5")] == [
        (55, 55, 96), (27, 27, 256), (6, 6, 256)
    ]  # fmt: skip
    shapes = architectures.resnet20(blocks=1).shapes(CIFAR)
    assert [shapes[f"layer{i}/{name}"][-3:] for i, name in ((1, "blocks"), (2, "relu_1"), (3, "relu_1"))] == [
        (32, 32, 16), (16, 16, 32), (8, 8, 64)
    ]  # fmt: skip
    with pytest.raises(ng.NetgradError, match="blocks must be a whole number of at least 1, found 0"):
        architectures.resnet20(blocks=0)
