"""Text, symbol by symbol: a GRU learns a rhyme and goes on writing it."""

import netgrad as ng
from netgrad.data import Vocabulary, streams

RHYME = """Twinkle, twinkle, little star,
How I wonder what you are!
Up above the world so high,
Like a diamond in the sky.
"""

text = RHYME * 10
vocabulary = Vocabulary(text)
x, y = streams(vocabulary.encode(text), rows=8)  # eight readers side by side; the target is the next symbol

net = ng.Sequential([ng.Embedding(len(vocabulary), 16), ng.GRU(64), ng.Dense(len(vocabulary))])
# Updates every 20 symbols; what the network remembers goes on from piece to piece.
model = ng.fit(net, x, y, truncate=20, batch_size=None, learning_rate=0.01, epochs=100, clip_norm=1.0)
print(f"loss {model.history['loss'][-1]:.3f} nats a symbol")

model.card["vocabulary"] = vocabulary.to_config()  # kept in the model's file: `netgrad sample` reads it
print("How I" + ng.sample(model, "How I", 76, temperature=0.3))
