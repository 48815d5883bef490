"""Out to other programs: a trained network as an ONNX file, run by onnxruntime, and as a file of this library."""

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

import netgrad as ng

digits = ng.data.load("digits")
net = ng.Sequential(
    [
        ng.Conv(8, 3, activation="relu"),
        ng.BatchNorm(),
        ng.MaxPool(2),
        ng.Flatten(),
        ng.Dense(32, activation="tanh"),
        ng.Dense(10),
    ]
)
model = ng.fit(net, digits.x, digits.y, epochs=5, learning_rate=3e-3)
model.card["what"] = "handwritten digits, 8x8"
ours = model.predict_proba(digits.x_test)

folder = Path(tempfile.mkdtemp())
path = ng.exchange.to_onnx(model, folder / "digits.onnx")
session = onnxruntime.InferenceSession(path)
feed = {session.get_inputs()[0].name: digits.x_test.astype(np.float32)}
(theirs,) = session.run(None, feed)
print(f"onnxruntime: {len(theirs)} digits, largest difference {np.abs(theirs - ours).max():.1e}")
print(f"same answers: {(theirs.argmax(1) == model.predict(digits.x_test)).all()}")

back = ng.exchange.from_onnx(path)
print("and in again:", back)

kept = ng.load(model.save(folder / "digits.safetensors"))  # with its objective, history and card
print(f"{kept.card['what']}: accuracy {kept.evaluate(digits.x_test, digits.y_test)['accuracy']:.3f}")
