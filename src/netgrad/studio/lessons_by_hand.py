"""The lessons on Kelleher's worked example: four examples through six neurons, and back."""

from __future__ import annotations

from typing import Any


def dense(units: int, activation: str, initializer: str = "") -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": activation, "initializer": initializer}


def setup(data: str, layers: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"data": data, "layers": layers, "optimizer": "sgd", "learning_rate": 0.3} | more


_PLANT = setup(
    "power_plant", [dense(3, "logistic"), dense(2, "logistic")],
    output="logistic", loss="squared_error", reduction="sum", batch_size=0, learning_rate=0.2, params="power_plant",
)  # fmt: skip
_RECTIFIED = _PLANT | {"layers": [dense(3, "relu"), dense(2, "relu")], "output": "relu"}


def _neuron(layer: int, unit: int, input: int = 0) -> dict[str, Any]:
    return {"select": {"layer": f"dense_{layer}", "unit": unit, "input": input, "example": 1}}


BY_HAND: list[dict[str, Any]] = [
    {
        "name": "power-plant",
        "title": "The power plant, by hand",
        "source": "Kelleher 8.3, Tables 1-13",
        "steps": [
            {
                "title": "Forward",
                "text": "Four examples, the text's first weights, logistic units. Example 2 of the text (number 1 "
                "here) is selected, and neuron 3: its net input is worked out in Look inside, with the numbers put in.",
                "setup": _PLANT | {"select": {"layer": "dense_1", "unit": 0, "input": 0, "example": 1}},
                "expected": "z of neuron 3: -0.0042",
                "reads": "look z",
            },
            {
                "title": "Backward",
                "text": "Now the output, neuron 8: its delta is the error times the slope of the logistic function. "
                "From here it goes backwards, layer by layer.",
                "setup": _PLANT | {"select": {"layer": "dense_3", "unit": 0, "input": 0, "example": 1}},
                "expected": "delta of neuron 8: 0.0852",
                "reads": "look delta",
            },
            {
                "title": "The weight from neuron 5 to neuron 7",
                "text": "The gradient of one weight is the delta above it times the activation below it. Press Epoch "
                "for one update with all four examples: the text's weight then is -0.0903.",
                "setup": _PLANT | {"select": {"layer": "dense_2", "unit": 1, "input": 2, "example": 1}},
                "expected": "w75 after one update: -0.0903",
                "reads": "look w",
            },
            {
                "title": "To the end",
                "text": "Press Play. The text trains until its error, half the sum of squares, falls below 0.0001, "
                "after 7656 epochs. Full speed is there in a second; pause when the loss is there.",
                "expected": "0.0001 at epoch 7656",
                "reads": "loss",
            },
        ],
    },
    {
        "name": "way-back",
        "title": "The way back, delta by delta",
        "source": "Kelleher 8.3, eq. 38-45, Tables 4-7; 8.4.1",
        "steps": [
            {
                "title": "Where it begins",
                "text": "The power plant once more, example 2 of the text. At the output the error is known: "
                "a - t = 0.3418. Times the slope of the logistic function, 0.2492, it is the delta of neuron 8. Look "
                "inside has the product with its numbers.",
                "setup": _PLANT | _neuron(3, 0),
                "expected": "delta of neuron 8: 0.0852 (eq. 38)",
                "reads": "look delta",
            },
            {
                "title": "One layer back",
                "text": "Neuron 7 does not know its error. It feeds neuron 8 alone, by the weight -0.5: its share is "
                "delta 8 times that weight, and then times its own slope, 0.2466. Choose unit 0 for neuron 6, whose "
                "delta is 0.0025.",
                "setup": _PLANT | _neuron(2, 1),
                "expected": "delta of neuron 7: -0.0105 (eq. 40)",
                "reads": "look delta",
            },
            {
                "title": "Back to the first layer",
                "text": "Neuron 5 feeds two neurons, so two shares are added: delta 6 times 0.06 and delta 7 times "
                "-0.09. What is left of 0.0852 after two layers is 0.0003: each slope is at most 1/4.",
                "setup": _PLANT | _neuron(1, 2),
                "expected": "delta of neuron 5: 0.0003",
                "reads": "look delta",
            },
            {
                "title": "From delta to a weight",
                "text": "The gradient of a weight is the delta above it times the activation below it: of the weight "
                "from neuron 5 to neuron 7, delta 7 times a5 = 0.5302. Choose other inputs for the other weights.",
                "setup": _PLANT | _neuron(2, 1, 2),
                "expected": "dE/dw75 of example 2: -0.0055671",
                "reads": "look dW",
            },
            {
                "title": "All four examples",
                "text": "Each example says how the weight should move; the update takes their sum. The equations "
                "below have the four terms, and the weight after the update, -0.0903. (The text goes on with "
                "numbers that it has rounded, so its sum is 0.8 % larger than the 0.001525 that you see.) "
                "Press Epoch to do it.",
                "setup": _PLANT | _neuron(2, 1, 2),
                "expected": "sum of dE/dw75: 0.00153726",
                "reads": "look gradient",
            },
            {
                "title": "The same with rectifiers",
                "text": "A rectifier's slope is 1 or 0: delta comes to neuron 7 with half of its size instead of an "
                "eighth, and neurons 3 and 4, whose z is below 0, get none of it: choose them. At this rate the text "
                "reaches its mark after 424 epochs instead of 7656.",
                "setup": _RECTIFIED | _neuron(2, 1),
                "expected": "delta of neuron 7: 0.0329",
                "reads": "look delta",
            },
        ],
    },
]
