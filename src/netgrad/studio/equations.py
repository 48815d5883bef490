"""The equations of one weight with the numbers put in: forward, backward and update, as TeX and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

MOST_TERMS = 3
ACTIVATIONS = {
    "identity": "z",
    "relu": r"\max(0, z)",
    "logistic": r"\frac{1}{1 + e^{-z}}",
    "tanh": r"\tanh z",
    "leaky_relu": r"\max(0.01 z, z)",
    "softplus": r"\ln(1 + e^z)",
}


def shown(value: float) -> str:
    """A number in four digits, as TeX.

    >>> shown(0.123456), shown(-1.5e-7), shown(0)
    ('0.1235', '-1.5 \\\\cdot 10^{-7}', '0')
    """
    text = f"{value:.4g}"
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"


def in_brackets(value: float) -> str:
    """A number as a factor."""
    text = shown(value)
    return f"({text})" if value < 0 or "cdot" in text else text


def of_weight(
    *, x: Sequence[float] | Any, w: Sequence[float] | Any, b: float, z: float, a: float, delta: float, i: int,
    activation: str, slope: float | None, rate: float | None, optimizer: str,
    above: Sequence[tuple[float, float]] | None = None, each: Sequence[float] | None = None,
) -> list[dict[str, str]]:  # fmt: skip
    """Of the weight from input i to a unit, for one example: x, w (inputs,) and the unit's b, z, a and delta.

    above: delta and weight of each unit that this one feeds, for equation 40. each: what each example adds to the
    gradient, where the batch is all of them.

    Kelleher 8.3, equations 18-31: z = sum of w x and b; a = f(z); delta = dE/da f'(z); dE/dw = delta x; w - rate dE/dw.

    >>> steps = of_weight(x=[2.0, 1.0], w=[0.5, -1.0], b=0.1, z=0.1, a=0.1, delta=0.2, i=0, activation="identity",
    ...                   slope=1.0, rate=0.5, optimizer="sgd")
    >>> [step["title"] for step in steps]
    ['Net input', 'Activation', 'Net gradient', 'Gradient of the weight', 'Update, by this example alone']
    >>> steps[3]["tex"].split("=")[-1].strip(), steps[4]["tex"].split("=")[-1].strip()
    ('0.4', '0.3')
    """
    terms = [f"{in_brackets(float(w[k]))} \\cdot {in_brackets(float(x[k]))}" for k in range(min(len(x), MOST_TERMS))]
    if len(x) > MOST_TERMS:
        terms.append(r"\dots")
    f = ACTIVATIONS.get(activation, "f(z)")
    put = rf"&= {' + '.join(terms)} + {in_brackets(b)} \\ &= {shown(z)}"
    gradient = float(x[i]) * delta
    steps = [
        ("Net input", rf"\begin{{aligned}} z &= \textstyle\sum_k w_k x_k + b \\ {put} \end{{aligned}}"),
        ("Activation", rf"a = {f} = {shown(a)}"),
    ]
    parts = f"{in_brackets(delta / slope)} \\cdot {in_brackets(slope)} = " if slope else ""
    of = r"\frac{\partial E}{\partial a}"
    if above and slope:
        of = r"\Big(\textstyle\sum_i \delta_i w_i\Big)"
        terms = [f"{in_brackets(d)} \\cdot {in_brackets(v)}" for d, v in above[:MOST_TERMS]]
        terms += [r"\dots"] if len(above) > MOST_TERMS else []
        put = rf"\big({' + '.join(terms)}\big) \cdot {in_brackets(slope)} \\ &= {shown(delta)}"
        tex = rf"\begin{{aligned}} \delta &= {of} \, f'(z) \\ &= {put} \end{{aligned}}"
        steps.append(("Net gradient", tex))
    else:
        steps.append(("Net gradient", rf"\delta = {of} \, f'(z) = {parts}{shown(delta)}"))
    product = f"{in_brackets(delta)} \\cdot {in_brackets(float(x[i]))}"
    slope_of = rf"\frac{{\partial E}}{{\partial w_{{{i}}}}}"
    steps.append(("Gradient of the weight", rf"{slope_of} = \delta \, x_{{{i}}} = {product} = {shown(gradient)}"))
    if each is not None:
        terms = [in_brackets(v) for v in each[:4]] + ([r"\dots"] if len(each) > 4 else [])
        gradient = sum(each)
        put = f"{' + '.join(terms)} = {shown(gradient)}"
        steps.append(("Over the batch", rf"\textstyle\sum_n {slope_of} = {put}"))
        slope_of = rf"\textstyle\sum_n {slope_of}"
    if rate is not None and optimizer == "sgd":
        after = float(w[i]) - rate * gradient
        step = f"{shown(float(w[i]))} - {shown(rate)} \\cdot {in_brackets(gradient)}"
        tex = rf"w_{{{i}}} - \eta \, {slope_of} = {step} = {shown(after)}"
        steps.append(("Update" if each is not None else "Update, by this example alone", tex))
    return [{"title": title, "tex": tex} for title, tex in steps]


def of_lstm(
    gates: Mapping[str, tuple[float, float]], c_before: float, c: float, h: float, deltas: Mapping[str, float]
) -> list[dict[str, str]]:
    """Of one unit of an LSTM at one time-step. gates: z and activation of each, by name; deltas: dE/dz of each.

    Kelleher eq. 112-123 and 133: f = sigma(z), c_t = f c_(t-1) + i g, h_t = o tanh c_t.

    >>> half = {name: (0.0, 0.5) for name in ("input_gate", "forget_gate", "output_gate")} | {"candidate": (0.0, 0.0)}
    >>> print(of_lstm(half, 1.0, 0.5, 0.231, dict.fromkeys(half, 0.1))[4]["tex"])
    c_t = f \\, c_{t-1} + i \\, g = 0.5 \\cdot 1 + 0.5 \\cdot 0 = 0.5
    """
    letters = {"forget_gate": "f", "input_gate": "i", "candidate": "g", "output_gate": "o"}
    titles = {"forget_gate": "Forget gate", "input_gate": "Input gate", "candidate": "Candidate"}
    titles["output_gate"] = "Output gate"
    steps = []
    for name, letter in letters.items():
        z, a = gates[name]
        bent = r"\tanh" if name == "candidate" else r"\sigma"
        steps.append((titles[name], rf"{letter} = {bent}(z_{letter}) = {bent}({shown(z)}) = {shown(a)}"))
    f, i, g, o = (gates[name][1] for name in letters)
    kept, new = rf"{shown(f)} \cdot {in_brackets(c_before)}", rf"{shown(i)} \cdot {in_brackets(g)}"
    steps.append(("Memory", rf"c_t = f \, c_{{t-1}} + i \, g = {kept} + {new} = {shown(c)}"))
    steps.append(("Output", rf"h_t = o \, \tanh c_t = {shown(o)} \cdot {in_brackets(math.tanh(c))} = {shown(h)}"))
    net = r", \; ".join(rf"\delta_{letters[name]} = {shown(deltas[name])}" for name in letters)
    return [{"title": title, "tex": tex} for title, tex in [*steps, ("Net gradients", net)]]


def of_rnn(
    from_x: float, from_h: float, b: float, z: float, h: float, delta: float, activation: str
) -> list[dict[str, str]]:
    """Of one unit of a simple recurrent layer at one time-step: z = x_t W_x + h_(t-1) W_h + b, h_t = f(z).

    >>> of_rnn(1.0, -0.5, 0.25, 0.75, 0.635, 0.1, "tanh")[0]["tex"]
    'z_t = x_t W_x + h_{t-1} W_h + b = 1 + (-0.5) + 0.25 = 0.75'
    """
    put = " + ".join(in_brackets(v) for v in (from_x, from_h, b))
    steps = [
        ("Net input", rf"z_t = x_t W_x + h_{{t-1}} W_h + b = {put} = {shown(z)}"),
        ("Hidden state", rf"h_t = {ACTIVATIONS.get(activation, 'f(z)')} = {shown(h)}"),
        ("Net gradient", rf"\delta_t = \frac{{\partial E}}{{\partial h_t}} \, f'(z_t) = {shown(delta)}"),
    ]
    return [{"title": title, "tex": tex} for title, tex in steps]
