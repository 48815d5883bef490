"""Small pictures: a convolutional network on handwritten digits, and where it errs."""

import numpy as np

import netgrad as ng

digits = ng.data.load("digits")  # 8x8 pixels; a folder of PNG files: ng.data.read_image_folder(path)
net = ng.Sequential(
    [
        ng.Augment(shift=0.5),  # in training only
        ng.Conv(16, 3, padding="same", activation="relu"),
        ng.MaxPool(2),
        ng.Conv(32, 3, padding="same", activation="relu"),
        ng.MaxPool(2),
        ng.Flatten(),
        ng.Dropout(0.2),
        ng.Dense(10),
    ]
)
print(net.summary(digits.x.shape[1:]))

model = ng.fit(net, digits.x, digits.y, epochs=12, learning_rate=5e-3, schedule="cosine")
print(f"accuracy on unseen digits: {model.evaluate(digits.x_test, digits.y_test)['accuracy']:.3f}")

wrong = np.flatnonzero(model.predict(digits.x_test) != digits.y_test)
sure = model.predict_proba(digits.x_test[wrong]).max(1)
for i in wrong[np.argsort(-sure)][:3]:
    print(f"a {digits.y_test[i]} taken for a {model.predict(digits.x_test[i : i + 1])[0]}")
