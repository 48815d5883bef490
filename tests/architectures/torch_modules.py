"""The named networks as PyTorch's modules, with torchvision's names, in any width and depth; batch statistics aside."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")  # this file is collected, too
nn = torch.nn


def unit(inputs, maps, window, stride=1, padding=0):
    """torchvision's BasicConv2d."""
    made = nn.Sequential()
    made.add_module("conv", nn.Conv2d(inputs, maps, window, stride, padding, bias=False))
    made.add_module("bn", nn.BatchNorm2d(maps, eps=0.001))
    made.add_module("relu", nn.ReLU())
    return made


class Inception(nn.Module):
    def __init__(self, inputs, one, before_three, three, before_five, five, behind):
        super().__init__()
        self.branch1 = unit(inputs, one, 1)
        self.branch2 = nn.Sequential(unit(inputs, before_three, 1), unit(before_three, three, 3, padding=1))
        self.branch3 = nn.Sequential(unit(inputs, before_five, 1), unit(before_five, five, 3, padding=1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), unit(inputs, behind, 1))

    def forward(self, x):
        return torch.cat([way(x) for way in (self.branch1, self.branch2, self.branch3, self.branch4)], 1)


def googlenet(wide, classes, modules):
    made, inputs = nn.Sequential(), wide(192)
    parts = {
        "conv1": unit(3, wide(64), 7, 2, 3), "maxpool1": nn.MaxPool2d(3, 2, ceil_mode=True),
        "conv2": unit(wide(64), wide(64), 1), "conv3": unit(wide(64), inputs, 3, 1, 1),
        "maxpool2": nn.MaxPool2d(3, 2, ceil_mode=True),
    }  # fmt: skip
    for name, maps in modules.items():
        maps = [wide(n) for n in maps]
        parts[f"inception{name}"] = Inception(inputs, *maps)
        inputs = maps[0] + maps[2] + maps[4] + maps[5]
        if name in ("3b", "4e"):
            parts[f"pool behind {name}"] = nn.MaxPool2d(3 if name == "3b" else 2, 2, ceil_mode=True)
    parts |= {"avgpool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "fc": nn.Linear(inputs, classes)}
    for name, part in parts.items():
        made.add_module(name, part)
    return made


class Block(nn.Module):
    """torchvision's BasicBlock, or its Bottleneck."""

    def __init__(self, inputs, maps, stride, projected, deep):
        super().__init__()
        out = 4 * maps if deep else maps
        sizes = ((maps, 1, 1), (maps, 3, stride), (out, 1, 1)) if deep else ((maps, 3, stride), (maps, 3, 1))
        before, self.depth = inputs, len(sizes)
        for i, (filters, window, own) in enumerate(sizes, 1):
            setattr(self, f"conv{i}", nn.Conv2d(before, filters, window, own, window // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(filters))
            before = filters
        around = (nn.Conv2d(inputs, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        self.downsample = nn.Sequential(*around) if projected else None

    def forward(self, x):
        h = x
        for i in range(1, self.depth + 1):
            h = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(h))
            h = h.relu() if i < self.depth else h
        return (h + (x if self.downsample is None else self.downsample(x))).relu()


def resnet(wide, classes, depths, deep):
    made, inputs = nn.Sequential(), wide(64)
    made.add_module("conv1", nn.Conv2d(3, inputs, 7, 2, 3, bias=False))
    made.add_module("bn1", nn.BatchNorm2d(inputs))
    made.add_module("relu", nn.ReLU())
    made.add_module("maxpool", nn.MaxPool2d(3, 2, 1))
    for i, blocks in enumerate(depths):
        row, maps = nn.Sequential(), wide(64 * 2**i)
        for k in range(blocks):
            row.append(Block(inputs, maps, 2 if i and not k else 1, not k and (deep or i > 0), deep))
            inputs = 4 * maps if deep else maps
        made.add_module(f"layer{i + 1}", row)
    for name, part in {"avgpool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten()}.items():
        made.add_module(name, part)
    made.add_module("fc", nn.Linear(inputs, classes))
    return made


def dense_end(inputs, units, classes):
    drop = nn.Dropout
    parts = (drop(), nn.Linear(inputs, units), nn.ReLU(), drop(), nn.Linear(units, units), nn.ReLU())
    return nn.Sequential(*parts, nn.Linear(units, classes))


def ended(features, inputs, units, classes):
    made = nn.Sequential()
    for name, part in {"features": features, "flat": nn.Flatten()}.items():
        made.add_module(name, part)
    made.add_module("classifier", dense_end(inputs, units, classes))
    return made


def alexnet(wide, classes):
    parts, inputs = [], 3
    settings = ((64, 11, 4, 2, True), (192, 5, 1, 2, True), (384, 3, 1, 1, False), (256, 3, 1, 1, False),
                (256, 3, 1, 1, True))  # fmt: skip
    for maps, window, stride, padding, pool in settings:
        parts += [nn.Conv2d(inputs, wide(maps), window, stride, padding), nn.ReLU()]
        parts += [nn.MaxPool2d(3, 2)] if pool else []
        inputs = wide(maps)
    return ended(nn.Sequential(*parts), 4 * inputs, wide(4096), classes)


def vgg(wide, classes, depths):
    parts, inputs = [], 3
    for maps, depth in zip((64, 128, 256, 512, 512), depths, strict=True):
        for _ in range(depth):
            parts += [nn.Conv2d(inputs, wide(maps), 3, padding=1), nn.ReLU()]
            inputs = wide(maps)
        parts.append(nn.MaxPool2d(2))
    return ended(nn.Sequential(*parts), 2 * inputs, wide(4096), classes)
