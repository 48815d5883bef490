"""Named networks: constructors that give a network of the shape that a text or a paper describes.

Those for pictures take the number of classes and a ``size``, by which every layer's maps and units are multiplied;
those for sequences the number of symbols and the units. What is made is a `netgrad.Network` like any other, for inputs
of any shape that has room for its windows::

    net = ng.architectures.lenet5(padding=2)
    model = ng.fit(net, images, labels)
"""

from netgrad.architectures.alexnet import alexnet, zfnet
from netgrad.architectures.draw import draw
from netgrad.architectures.encoder_decoder import describer, encoder_decoder
from netgrad.architectures.googlenet import googlenet
from netgrad.architectures.inception import inception_resnet_v2, inception_v4
from netgrad.architectures.lenet import lenet5, lenet5_modern
from netgrad.architectures.pervasive_attention import pervasive_attention
from netgrad.architectures.resnet import resnet18, resnet20, resnet34, resnet50, resnet101, resnet152
from netgrad.architectures.transformer import transformer, transformer_decoder, transformer_encoder
from netgrad.architectures.vgg import vgg16, vgg19

__all__ = [
    "alexnet",
    "describer",
    "draw",
    "encoder_decoder",
    "googlenet",
    "inception_resnet_v2",
    "inception_v4",
    "lenet5",
    "lenet5_modern",
    "pervasive_attention",
    "resnet18",
    "resnet20",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "transformer",
    "transformer_decoder",
    "transformer_encoder",
    "vgg16",
    "vgg19",
    "zfnet",
]
