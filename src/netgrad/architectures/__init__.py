"""Named networks: constructors that give a network of the shape that a text or a paper describes.

Each takes the number of classes and a ``size``, by which every layer's maps and units are multiplied; what is made is a
`netgrad.Network` like any other, for inputs of any shape that has room for its windows::

    net = ng.architectures.lenet5(padding=2)
    model = ng.fit(net, images, labels)
"""

from netgrad.architectures.lenet import lenet5, lenet5_modern

__all__ = ["lenet5", "lenet5_modern"]
