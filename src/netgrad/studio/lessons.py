"""The lessons: the texts' experiments as pages, each some steps with something to do, and the text's numbers.

A step has a ``title``, a ``text``, perhaps a ``setup`` (the design that its button loads, with what is selected then)
and ``expected``: what the text prints, or what is to be seen. Where the page can read the same number off the running
network, ``reads`` names it ("loss", "held_loss", "accuracy", "held_accuracy", "epoch", or "layer quantity" as
"dense_1 silent", or "look z" of the selected unit, "look dW" of the selected weight, "time forget gate" of the unit at
the selected time-step, "mistakes" and "held_mistakes" a sequence) beside the text's.
"""

from __future__ import annotations

from typing import Any

from netgrad.studio.lessons_by_hand import BY_HAND, dense, setup

_CELL = setup("lstm_cell", [{"kind": "lstm", "units": 3}], loss="squared_error", batch_size=0, learning_rate=0.01,
               params="lstm_cell")  # fmt: skip
_DEEP = [dense(8, "logistic") for _ in range(5)]
_MOONS = [dense(64, "relu"), dense(64, "relu")]

LESSONS: list[dict[str, Any]] = [
    {
        "name": "xor",
        "title": "XOR: why a hidden layer",
        "source": "Kelleher 8.2; Pattipati, 'XOR Problem'",
        "steps": [
            {
                "title": "One layer draws one line",
                "text": "Opposite corners have the same class. A network without a hidden layer answers with a "
                "weighted sum of the two inputs, so its classes meet in one straight line. Load it, press "
                "Play, and watch: no line parts the corners.",
                "setup": setup("xor", []),
                "expected": "accuracy stays near 0.5",
                "reads": "accuracy",
            },
            {
                "title": "Two hidden units",
                "text": "Pattipati's solution needs two hidden units, each a line of its own; the output unit combines "
                "them. Train it. If it gets stuck, another seed starts from other weights.",
                "setup": setup("xor", [dense(2, "tanh")], seed=3),
                "expected": "two lines; with some seeds stuck near 0.75",
                "reads": "accuracy",
            },
            {
                "title": "Room to spare",
                "text": "With six units gradient descent finds a way from nearly every start. Click the units of the "
                "hidden layer: each has its own line, where its z is 0.",
                "setup": setup("xor", [dense(6, "tanh")]),
                "expected": "accuracy above 0.95",
                "reads": "accuracy",
            },
        ],
    },
    *BY_HAND,
    {
        "name": "vanishing",
        "title": "Vanishing gradients",
        "source": "Allauzen, 'Vanishing gradient'; Kelleher 8.4.1",
        "steps": [
            {
                "title": "Five logistic layers",
                "text": "The slope of the logistic function is at most 1/4, and each layer multiplies delta by it. "
                "Press Epoch, and compare the bars of delta in Layers, from the last layer to the first.",
                "setup": setup("circles", _DEEP, learning_rate=0.5),
                "expected": "delta shrinks from layer to layer; nothing is learned",
                "reads": "accuracy",
            },
            {
                "title": "What the diagnosis says",
                "text": "Play for some 20 epochs, then Pause. The diagnosis names the place. Try its remedy: a second "
                "network trains beside the first, and both curves are drawn.",
                "expected": "a finding about gradients or units of the first layers",
                "reads": "epoch",
            },
            {
                "title": "Rectifiers",
                "text": "The slope of a rectifier is 1 wherever it is active: delta arrives.",
                "setup": setup("circles", [dense(8, "relu") for _ in range(5)], learning_rate=0.1),
                "expected": "accuracy above 0.95",
                "reads": "accuracy",
            },
        ],
    },
    {
        "name": "dying-relu",
        "title": "Dying ReLU",
        "source": "Kelleher 8.4.1, 'dead neurons'",
        "steps": [
            {
                "title": "Units that never fire",
                "text": "Here the biases begin at -6: every z is below 0, every activation 0, every slope 0. A dead "
                "unit has no gradient to come back by. Press Epoch a few times: the weights do not move.",
                "setup": setup("moons", [dense(8, "relu")], bias=-6.0),
                "expected": "all units of dense_1 silent: 1",
                "reads": "dense_1 silent",
            },
            {
                "title": "A little slope below zero",
                "text": "The leaky rectifier keeps a slope of 0.01 where z is negative: the units come back to life, "
                "slowly. Try Adam instead, which scales small gradients up.",
                "setup": setup("moons", [dense(8, "leaky_relu")], bias=-6.0, optimizer="adam", learning_rate=0.05),
                "expected": "accuracy rises above 0.8",
                "reads": "accuracy",
            },
            {
                "title": "As it should be",
                "text": "With biases of 0 about half of the units fire for each example.",
                "setup": setup("moons", [dense(8, "relu")]),
                "expected": "silent units: 0",
                "reads": "dense_1 silent",
            },
        ],
    },
    {
        "name": "initialisation",
        "title": "Where the weights start",
        "source": "Kelleher 8.4.2, figures 23-27",
        "steps": [
            {
                "title": "Too small",
                "text": "Weights of standard deviation 0.01: each layer multiplies the size of z by about 0.03, "
                "and of delta on the way back. Press Step, and look at z and delta by layer.",
                "setup": setup("circles", [dense(10, "tanh", "tiny") for _ in range(4)], learning_rate=0.1),
                "expected": "z of the fourth layer below 0.00001",
                "reads": "dense_4 z",
            },
            {
                "title": "Too large",
                "text": "Weights of standard deviation 1.5: z is far from 0, tanh is flat there, and its slope near 0.",
                "setup": setup("circles", [dense(10, "tanh", "large") for _ in range(4)], learning_rate=0.1),
                "expected": "z of the fourth layer above 2",
                "reads": "dense_4 z",
            },
            {
                "title": "All the same",
                "text": "Weights of 0: every unit of a layer gets the same gradient, and none ever differs from "
                "the next. Symmetry must be broken.",
                "setup": setup("circles", [dense(10, "tanh", "zeros") for _ in range(2)], learning_rate=0.1),
                "expected": "z stays 0 in the hidden layers",
                "reads": "dense_2 z",
            },
            {
                "title": "Just right",
                "text": "Xavier's variance 1/n keeps the size of z and delta from layer to layer.",
                "setup": setup("circles", [dense(10, "tanh", "xavier") for _ in range(4)], learning_rate=0.1),
                "expected": "z of the fourth layer between 0.1 and 1",
                "reads": "dense_4 z",
            },
        ],
    },
    {
        "name": "overfitting",
        "title": "Overfitting and dropout",
        "source": "Kelleher 8.4.4, early stopping and dropout",
        "steps": [
            {
                "title": "Learning mistakes by heart",
                "text": "Sixty examples, some with a wrong label, and thousands of weights. Play: the training loss "
                "falls to 0, the loss on examples held out turns and rises.",
                "setup": setup("noisy_moons", _MOONS, optimizer="adam", learning_rate=0.01),
                "expected": "held-out loss rises while the loss falls",
                "reads": "held_loss",
            },
            {
                "title": "Dropout",
                "text": "Half of the units of each hidden layer are left out at random in each step: no unit can rely "
                "on one other. The gap closes.",
                "setup": setup(
                    "noisy_moons",
                    [_MOONS[0], {"kind": "dropout", "rate": 0.5}, _MOONS[1], {"kind": "dropout", "rate": 0.5}],
                    optimizer="adam", learning_rate=0.01,
                ),
                "expected": "held-out loss lower than before",
                "reads": "held_loss",
            },
            {
                "title": "Small weights",
                "text": "Weight decay (an L2 penalty) pulls weights towards 0 and smooths the boundary. Save this run "
                "and the one before, and compare them in Runs.",
                "setup": setup("noisy_moons", _MOONS, optimizer="adam", learning_rate=0.01, penalty="l2", alpha=0.02),
                "expected": "a smoother boundary",
                "reads": "held_loss",
            },
        ],
    },
    {
        "name": "convolution",
        "title": "A convolution on a digit",
        "source": "Kelleher 8.4.6; Z&M 26.4",
        "steps": [
            {
                "title": "One filter, everywhere",
                "text": "Six filters of 3 x 3 weights slide over the picture. Select the layer conv_1: Look inside "
                "shows each filter, and the feature map that it makes of the digit.",
                "setup": setup(
                    "digits",
                    [{"kind": "conv", "filters": 6, "window": 3, "activation": "relu"},
                     {"kind": "max_pool", "window": 2}, {"kind": "flatten"}],
                    optimizer="adam", learning_rate=0.01, select={"layer": "conv_1"},
                ),
                "expected": "accuracy above 0.9 after 3 epochs",
                "reads": "held_accuracy",
            },
            {
                "title": "Shared weights are few",
                "text": "The convolution has 6 x (9 + 1) = 60 parameters, whatever the size of the picture. A dense "
                "layer with as many outputs would need 64 x 216 of them. Compare with the numbers in the drawing.",
                "expected": "60 parameters in conv_1",
                "reads": "epoch",
            },
            {
                "title": "Mistakes",
                "text": "Train on, and look at the confusion matrix: which digits are taken for which?",
                "expected": "held-out accuracy above 0.95",
                "reads": "held_accuracy",
            },
        ],
    },
    {
        "name": "reber",
        "title": "The Reber grammar with an RNN",
        "source": "Z&M 26.1.3, example",
        "steps": [
            {
                "title": "What may come next?",
                "text": "A string of the Reber grammar is made symbol by symbol; at each position the network says "
                "which symbols may follow. Here it sees one symbol at a time and has no memory: T leads to two places, "
                "and it cannot know which. Press Play until the loss stands still.",
                "setup": setup("reber", [dense(4, "tanh")], optimizer="adam", learning_rate=0.03),
                "expected": "the text's MLP: 2.62 mistakes a string",
                "reads": "mistakes",
            },
            {
                "title": "Four units that remember",
                "text": "An RNN's units see the symbol and what they themselves put out one step before. Play at full "
                "speed for some 100 epochs: four units are enough for the whole grammar. The text trains 10,000 epochs "
                "of gradient descent with step 1; Adam on small batches gets there sooner.",
                "setup": setup("reber", [{"kind": "rnn", "units": 4}], optimizer="adam", learning_rate=0.03,
                                select={"layer": "rnn_1", "unit": 0, "input": 0, "example": 0, "step": 1}),
                "expected": "the text's RNN: 0 mistakes in 100 unseen strings",
                "reads": "held_mistakes",
            },
            {
                "title": "The state of the automaton",
                "text": "Look inside rnn_1: h of the four units, step by step. The same symbol gives another h at "
                "another place of the grammar: compare the steps with T. Choose a step and a unit; its equation is "
                "below.",
                "expected": "h differs where the same symbol means something else",
                "reads": "time h",
            },
        ],
    },
    {
        "name": "lstm",
        "title": "The LSTM and its gates",
        "source": "Kelleher 8.4, eq. 112-115; Z&M 26.2.3",
        "steps": [
            {
                "title": "A forget gate, by hand",
                "text": "Kelleher's cell: three units, h = (1, 1) and x = 4 at the second step, and c = 1 before it. "
                "Its forget gate has the net inputs 6, -6 and 0. Unit 0 is selected at step 1: the equations put its "
                "numbers in. What the text calls h comes in beside x here, and the first step does nothing but fill "
                "the memory.",
                "setup": _CELL | {"select": {"layer": "lstm_1", "unit": 0, "input": 0, "example": 0, "step": 1}},
                "expected": "forget gate of unit 0: 0.9975 (eq. 115)",
                "reads": "time forget gate",
            },
            {
                "title": "What is forgotten",
                "text": "Unit 1 has the net input -6: its gate is shut. Nothing new comes in (the candidate is 0), so "
                "what is left of c = 1 is the forget gate itself.",
                "setup": _CELL | {"select": {"layer": "lstm_1", "unit": 1, "input": 0, "example": 0, "step": 1}},
                "expected": "c of unit 1: 0.002473 (eq. 115)",
                "reads": "time c",
            },
            {
                "title": "A memory over forty symbols",
                "text": "In the embedded Reber grammar the second symbol, T or P, comes again as the last but one. "
                "Forget gates that begin at logistic(4) = 0.98 carry it there. Press Epoch, and look at the forget "
                "gate's row: it is nearly 1 everywhere. Then play on, and watch which units of c keep one value along "
                "the string. To learn it all takes the text 10,000 epochs.",
                "setup": setup("embedded_reber", [{"kind": "lstm", "units": 20, "forget_bias": 4}], optimizer="adam",
                                learning_rate=0.01,
                                select={"layer": "lstm_1", "unit": 0, "input": 0, "example": 0, "step": 20}),
                "expected": "forget gate near 0.98",
                "reads": "time forget gate",
            },
            {
                "title": "A memory that fades",
                "text": "With a forget-gate bias of 0 the gate begins at 0.5: after ten steps a thousandth of c is "
                "left, and delta fades on its way back in the same measure. Compare the rows of delta with those "
                "before.",
                "setup": setup("embedded_reber", [{"kind": "lstm", "units": 20, "forget_bias": 0}], optimizer="adam",
                                learning_rate=0.01,
                                select={"layer": "lstm_1", "unit": 0, "input": 0, "example": 0, "step": 20}),
                "expected": "forget gate near 0.5 before the first epoch",
                "reads": "time forget gate",
            },
        ],
    },
]  # fmt: skip
