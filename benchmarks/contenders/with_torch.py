"""PyTorch, eager, through torch.compile or with channels last; its own fused recurrent and convolution layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.works import Work


class Tagger(nn.Module):
    """A recurrent layer over (N, T, d), packed where lengths differ, and a linear read-out of every step."""

    def __init__(self, work: Work):
        super().__init__()
        (kind, units, *both), (_, outputs, _) = work.layers
        made = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind]
        self.recurrent = made(work.shape[1], units, batch_first=True, bidirectional=bool(both))
        self.readout = nn.Linear(units * (1 + len(both)), outputs)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        if lengths is None:
            return self.readout(self.recurrent(x)[0])
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        h, _ = nn.utils.rnn.pad_packed_sequence(self.recurrent(packed)[0], batch_first=True, total_length=x.shape[1])
        return self.readout(h)


class Decoder(nn.Module):
    """A language model: PyTorch's own Transformer layers, normalised first, each step seeing those up to it."""

    def __init__(self, work: Work):
        super().__init__()
        ((_, units, blocks, heads), (_, outputs, _)) = work.layers
        steps = work.shape[0]
        layer = nn.TransformerEncoderLayer(units, heads, 4 * units, dropout=0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, blocks, norm=nn.LayerNorm(units), enable_nested_tensor=False)
        self.embedding, self.readout = nn.Embedding(outputs, units), nn.Linear(units, outputs)
        angle = torch.arange(steps)[:, None] / 10000 ** (torch.arange(0, units, 2) / units)
        self.register_buffer("positions", torch.stack([angle.sin(), angle.cos()], -1).reshape(steps, units))
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(steps))

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        h = self.embedding(x) + self.positions
        return self.readout(self.blocks(h, mask=self.mask, is_causal=True))


class Translator(nn.Module):
    """LSTMs that read a source both ways, sum it up, and write from that; every step attends to the source (Luong).

    Modules have the names of the layers of `netgrad.architectures.encoder_decoder`.
    """

    def __init__(self, work: Work):
        super().__init__()
        ((_, units, embedding), (_, outputs, _)) = work.layers
        self.source_symbols, self.target_symbols = nn.Embedding(outputs, embedding), nn.Embedding(outputs, embedding)
        self.memory = nn.LSTM(embedding, units // 2, batch_first=True, bidirectional=True)
        self.summary, self.decoder = (nn.LSTM(n, units, batch_first=True) for n in (units, embedding))
        self.attention = nn.MultiheadAttention(units, 1, batch_first=True)
        self.dense_1, self.dense_2 = nn.Linear(2 * units, units), nn.Linear(units, outputs)

    def forward(self, x: tuple[torch.Tensor, torch.Tensor], lengths: torch.Tensor | None) -> torch.Tensor:
        memory = self.memory(self.source_symbols(x[0]))[0]
        h = self.decoder(self.target_symbols(x[1]), self.summary(memory)[1])[0]
        found = self.attention(h, memory, memory, need_weights=False)[0]
        return self.dense_2(torch.tanh(self.dense_1(torch.cat([h, found], -1))))


class Block(nn.Module):
    """relu(F(x) + x), F two convolutions of 3 x 3, each normalised; around it a convolution where the shape changes."""

    def __init__(self, maps: int, filters: int, stride: int):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(maps, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters)
        self.conv2, self.bn2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters)
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(maps, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))
        self.same = stride == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(inner + (x if self.same else self.downsample(x)))


class ResNet(nn.Module):
    """Rows of blocks behind a convolution, as He et al. have it for images of 32 x 32; torchvision's names."""

    def __init__(self, work: Work):
        super().__init__()
        ((_, filters, *_), (_, maps, blocks, rows), _, (_, outputs, _)) = work.layers
        self.conv1 = nn.Conv2d(work.shape[-1], filters, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        for row in range(rows):
            wide = maps * 2**row
            first = Block(wide // 2, wide, 2) if row else Block(wide, wide, 1)
            others = [Block(wide, wide, 1) for _ in range(blocks - 1)]
            setattr(self, f"layer{row + 1}", nn.Sequential(first, *others))
        self.fc, self.rows = nn.Linear(maps * 2 ** (rows - 1), outputs), rows

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        h = torch.relu(self.bn1(self.conv1(x)))
        for row in range(self.rows):
            h = getattr(self, f"layer{row + 1}")(h)
        return self.fc(h.mean((2, 3)))


class Inception(nn.Module):
    """GoogLeNet's module: four ways side by side, their maps one after the other."""

    def __init__(self, maps: int, one: int, before_three: int, three: int, before_five: int, five: int, behind: int):
        super().__init__()

        def conv(given: int, made: int, window: int) -> nn.Module:
            return nn.Sequential(nn.Conv2d(given, made, window, padding=window // 2), nn.ReLU())

        self.branch1 = conv(maps, one, 1)
        self.branch2 = nn.Sequential(conv(maps, before_three, 1), conv(before_three, three, 3))
        self.branch3 = nn.Sequential(conv(maps, before_five, 1), conv(before_five, five, 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(maps, behind, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([way(x) for way in (self.branch1, self.branch2, self.branch3, self.branch4)], 1)


class Pooled(nn.Module):
    """Convolutions, pooling and dense layers in a row, on channels-first arrays."""

    def __init__(self, work: Work, example: torch.Tensor):
        super().__init__()
        parts: list[nn.Module] = []
        dims, maps = len(work.shape) - 1, work.shape[-1]
        for name, *settings in work.layers:
            if name == "conv":
                filters, window, padding = settings
                conv = nn.LazyConv2d if dims == 2 else nn.LazyConv1d
                parts += [conv(filters, window, padding="same" if padding == "same" else 0), nn.ReLU()]
            elif name == "inception":
                parts.append(Inception(maps, *settings))
                maps = settings[0] + settings[2] + settings[4] + settings[5]
            elif name == "pool":
                parts.append((nn.MaxPool2d if dims == 2 else nn.MaxPool1d)(settings[0]))
            elif name == "global_pool":
                parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            elif name == "flatten":
                parts.append(nn.Flatten())
            else:
                parts.append(nn.LazyLinear(settings[0]))
                if settings[1] == "relu":
                    parts.append(nn.ReLU())
        self.parts = nn.Sequential(*parts)
        self.parts(example)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        return self.parts(x)


def network(work: Work, variant: str) -> tuple[Any, dict[str, Any]]:
    """The network and its data, channels first where it convolves, in name if not in memory."""
    torch.manual_seed(0)
    data = {name: torch.from_numpy(v) for name, v in work.data().items()}
    if work.kind == "translation":
        return Translator(work), data | {"x": (data["x"], data["target"])}
    if work.kind in ("image", "residual", "inception", "signal"):
        data["x"] = data["x"].movedim(-1, 1).contiguous()
    if work.kind == "text":
        return Decoder(work), data
    if work.kind == "sequence":
        return Tagger(work), data
    net = ResNet(work) if work.kind == "residual" else Pooled(work, data["x"][:2])
    if variant == "channels_last":
        net = net.to(memory_format=torch.channels_last)
        data["x"] = data["x"].contiguous(memory_format=torch.channels_last)
    return net, data


def make_prediction(work: Work, variant: str) -> Callable[[], None]:
    """One forward pass without gradients, probabilities back to NumPy."""
    net, data = network(work, variant)
    call = torch.compile(net) if variant == "compile" else net
    link = torch.sigmoid if work.target == "bits" else lambda out: torch.softmax(out, -1)

    def step() -> None:
        with torch.inference_mode():
            link(call(data["x"], data.get("lengths"))).numpy()

    return step


def trainer(work: Work, variant: str) -> tuple[Callable[..., None], dict[str, Any]]:
    """``update(x, y, lengths)``, eager or with a network that went through torch.compile, and all data."""
    net, data = network(work, variant)
    descent = torch.optim.SGD(net.parameters(), lr=work.rate)
    if variant == "compile":
        net = torch.compile(net)

    def error(x: Any, y: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        out = net(x, lengths)
        if work.target == "bits":
            return nn.functional.binary_cross_entropy_with_logits(out, y) * y.shape[-1]
        if lengths is not None:
            mask = torch.arange(x.shape[1]) < lengths[:, None]
            return nn.functional.cross_entropy(out[mask], y[mask].long())
        return nn.functional.cross_entropy(out.reshape(-1, out.shape[-1]), y.reshape(-1).long())

    def update(x: Any, y: torch.Tensor, lengths: torch.Tensor | None) -> None:
        descent.zero_grad(set_to_none=True)
        error(x, y, lengths).backward()
        descent.step()

    return update, data


def make(work: Work, variant: str) -> Callable[[], None]:
    """One step on all examples."""
    update, data = trainer(work, variant)
    return lambda: update(data["x"], data["y"], data.get("lengths"))


def fit(work: Work, epochs: int, batch: int | None, variant: str) -> None:
    """The usual loop: every epoch all examples, in random order where there are batches."""
    update, data = trainer(work, variant)
    x, y, lengths = data["x"], data["y"], data.get("lengths")
    for _ in range(epochs):
        if batch is None:
            update(x, y, lengths)
            continue
        for rows in torch.randperm(len(x)).split(batch):
            update(x[rows], y[rows], None if lengths is None else lengths[rows])
