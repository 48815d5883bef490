"""Named networks: constructors that give a network of the shape that a text or a paper describes.

Those for pictures take the number of classes and a ``size``, by which every layer's maps and units are multiplied;
those for sequences the number of symbols and the units. What is made is a `netgrad.Network` like any other, for inputs
of any shape that has room for its windows::

    net = ng.architectures.lenet5(padding=2)
    model = ng.fit(net, images, labels)
"""

from netgrad.architectures.encoder_decoder import describer, encoder_decoder
from netgrad.architectures.lenet import lenet5, lenet5_modern
from netgrad.architectures.transformer import transformer, transformer_decoder, transformer_encoder

__all__ = [
    "describer",
    "encoder_decoder",
    "lenet5",
    "lenet5_modern",
    "transformer",
    "transformer_decoder",
    "transformer_encoder",
]
