"""A stream trains as the same examples in memory do, and holds only a few chunks of them."""

import tracemalloc

import jax
import numpy as np
import pandas as pd
import pytest

import netgrad as ng

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 3))
Y = np.tanh(X.sum(1))


def net(*between):
    return ng.Sequential([ng.Dense(5, activation="tanh"), *between, ng.Dense(1)])


ROUNDING = 0 if jax.default_backend() == "cpu" else 1e-6  # of two programs that an accelerator adds up otherwise


def assert_same(a, b):
    for p, q in zip(jax.tree.leaves(a.params), jax.tree.leaves(b.params), strict=True):
        np.testing.assert_allclose(p, q, rtol=ROUNDING)
    assert [row.keys() for row in a.history.rows] == [row.keys() for row in b.history.rows]
    for one, other in zip(a.history.rows, b.history.rows, strict=True):
        np.testing.assert_allclose(list(one.values()), list(other.values()), rtol=ROUNDING)


def in_chunks(size):
    return lambda: ((X[i : i + size], Y[i : i + size]) for i in range(0, 100, size))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    np.save(folder / "x.npy", X)
    np.save(folder / "y.npy", Y)
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    table["y"] = Y
    table["name"] = "n"
    table.to_parquet(folder / "table.parquet", row_group_size=40)
    return folder


def test_the_same_bits_as_from_memory(files):
    """Without shuffling: chunks of two batches and of one, with a smaller last batch; and with dropout's masks."""
    memory = ng.fit(net(ng.Dropout(0.2)), X, Y, epochs=3, batch_size=20, shuffle=False)
    for stream in (in_chunks(40), ng.Stream.arrays(files / "x.npy", files / "y.npy", chunk=20)):
        assert_same(ng.fit(net(ng.Dropout(0.2)), stream, epochs=3, batch_size=20, shuffle=False), memory)
    ragged = ng.fit(net(), X, Y, epochs=2, batch_size=8, shuffle=False)
    table = ng.Stream.parquet(files / "table.parquet", "y", features=["a", "b", "c"])
    assert_same(ng.fit(net(), table, epochs=2, batch_size=8, shuffle=False), ragged)


def test_shuffling_is_by_chunk_and_from_the_seed(files):
    stream = ng.Stream.arrays(files / "x.npy", files / "y.npy", chunk=30)
    one, two, other = (ng.fit(net(), stream, epochs=2, batch_size=16, seed=s) for s in (0, 0, 1))
    assert_same(one, two)
    assert one.history.rows != other.history.rows
    keys = [jax.random.key(k) for k in range(5)]
    orders = [[float(x[0, 0]) for x, _ in stream.chunks(key)] for key in keys]
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(X[::30, 0].tolist()))}
    assert len(set(map(tuple, orders))) > 1


def test_a_large_chunk_is_walked_in_batches_that_use_every_example_once():
    weights = np.zeros((100, 1))
    unit = ng.Sequential([ng.Dense(1, bias=False, initializer="zeros")])

    def chunks():
        for i in (0, 60):
            part = np.eye(100)[i : i + 60]
            yield part, np.ones(len(part))

    model = ng.fit(unit, chunks, optimizer="sgd", learning_rate=1.0, reduction="sum", epochs=1, batch_size=7)
    np.testing.assert_allclose(model.params["dense_1"]["W"], weights + 1)


def test_weights_and_lengths_come_with_the_chunks():
    sequences, w = RNG.normal(size=(8, 5, 2)), np.arange(8.0)
    lengths = np.array([5, 3, 1, 2, 5, 4, 5, 2])
    rnn = ng.Sequential([ng.RNN(3), ng.Dense(1)])
    extra = [{"sample_weight": w[i : i + 4], "lengths": lengths[i : i + 4]} for i in (0, 4)]
    parts = [(sequences[i : i + 4], sequences[i : i + 4, :, 0]) for i in (0, 4)]
    stream = ng.Stream.numbered(2, lambda i: (*parts[i], extra[i]))
    streamed = ng.fit(rnn, stream, epochs=2, batch_size=2, shuffle=False)
    whole = ng.fit(rnn, sequences, sequences[..., 0], epochs=2, batch_size=2, shuffle=False, sample_weight=w,
                   lengths=lengths)  # fmt: skip
    assert_same(streamed, whole)


def test_validation_early_stopping_and_checkpoints(tmp_path):
    settings = {"validation": (X[:20], Y[:20]), "patience": 3, "batch_size": 20}
    whole = ng.fit(net(), in_chunks(40), epochs=6, **settings)
    assert "val_loss" in whole.history
    ng.fit(net(), in_chunks(40), epochs=3, checkpoint=tmp_path, **settings)
    assert_same(ng.fit(net(), in_chunks(40), epochs=6, checkpoint=tmp_path, **settings), whole)


def test_memory_is_bounded():
    """40 MB in chunks of 1 MB: neither NumPy nor JAX ever holds more than a few chunks."""
    held = []

    def chunks():
        for i in range(40):
            held.append(sum(a.nbytes for a in jax.live_arrays()))
            x = np.random.default_rng(i).normal(size=(1024, 128))
            yield x, x[:, 0]

    unit = ng.Sequential([ng.Dense(1)])
    before = sum(a.nbytes for a in jax.live_arrays())
    tracemalloc.start()
    ng.fit(unit, chunks, epochs=1, batch_size=256)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6
    assert max(held) - before < 5e6


def test_divergence_names_the_batch():
    x = X.copy()
    x[67] = 1e30
    stream = ng.Stream.numbered(2, lambda i: (x[i * 50 : i * 50 + 50], Y[i * 50 : i * 50 + 50]))
    linear = ng.Sequential([ng.Dense(1, name="only")])
    with pytest.raises(ng.DivergenceError, match=r"epoch 1, batch 7: .* layer only"):
        ng.fit(linear, stream, optimizer="sgd", batch_size=10, shuffle=False, epochs=2)


def once():
    yield X, Y


def twice():
    return iter(ITERATOR)


ITERATOR = iter([(X, Y)] * 2)
TEXT = np.array(["a", "b"] * 50)
BAD = {
    "an iterator, not a function": (lambda: ng.Stream(once()), "a function that starts a new pass"),
    "no chunks": (lambda: ng.fit(net(), lambda: iter(())), "no chunks"),
    "used up": (lambda: ng.fit(net(), twice, epochs=3), "gave no chunk in epoch 2"),
    "not pairs": (lambda: ng.fit(net(), lambda: iter([X])), "pairs"),
    "text labels": (lambda: ng.fit(net(), lambda: iter([(X, TEXT)])), "encode tables and labels"),
    "targets twice": (lambda: ng.fit(net(), once, Y), "y cannot be given with a stream: its chunks hold"),
    "a share for validation": (lambda: ng.fit(net(), once, validation=0.1), "give a pair"),
    "several starts": (lambda: ng.fit(net(), once, starts=3), "starts cannot be given with a stream"),
    "no batch size": (lambda: ng.fit(net(), once, batch_size=None), "batch_size cannot be given"),
    "no targets": (lambda: ng.fit(net(), X), "targets, are missing"),
    "no such file": (lambda: ng.Stream.arrays("none.npy", "none.npy"), "cannot read none.npy"),
    "different lengths": (lambda: ng.Stream.arrays(X, Y[:3]), "100 examples but y has 3"),
    "a chunk of nothing": (lambda: ng.Stream.arrays(X, Y, chunk=0), "chunk must be"),
    "no such Parquet file": (lambda: ng.Stream.parquet("none.parquet", "y"), "cannot read none.parquet"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_line(case):
    call, message = BAD[case]
    with pytest.raises(ng.NetgradError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_columns_of_a_parquet_file(files):
    with pytest.raises(ng.DataError, match="no column 'z'"):
        ng.Stream.parquet(files / "table.parquet", "z")
    with pytest.raises(ng.DataError, match=r"'name' of .* holds"):
        ng.Stream.parquet(files / "table.parquet", "y")
    with pytest.raises(ng.FileError, match="as Parquet"):
        ng.Stream.parquet(files / "x.npy", "y")


class Loader:
    """What other libraries' loaders look like: batches as lists, anew in each pass, as many as `len` says."""

    def __init__(self, size=32, third=None):
        self.size, self.third = size, third

    def __len__(self):
        return -(-100 // self.size)

    def __iter__(self):
        for i in range(0, 100, self.size):
            part = slice(i, i + self.size)
            yield [X[part], Y[part], *([] if self.third is None else [self.third])]


def test_a_loader_gives_the_batches():
    in_memory = ng.fit(net(), X, Y, epochs=3, shuffle=False, schedule="cosine", batch_size=40)
    loaded = ng.fit(net(), Loader(40), epochs=3, schedule="cosine", validation=Loader(30))
    for p, q in zip(jax.tree.leaves(in_memory.params), jax.tree.leaves(loaded.params), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-6)
    assert loaded.history["val_loss"][-1] == pytest.approx(loaded.evaluate(X, Y)["loss"], rel=1e-5)
    assert loaded.evaluate(Loader(40)) == loaded.evaluate(X, Y)
    np.testing.assert_array_equal(loaded.predict(Loader(40)), loaded.predict(X))


class OneByOne:
    def __len__(self):
        return 100

    def __getitem__(self, i):
        return X[i], Y[i]


@pytest.mark.parametrize(
    ("given", "settings", "said"),
    [
        (in_chunks(50)(), {}, "a generator is used up after one epoch: give the function that makes it"),
        (OneByOne(), {}, r"a OneByOne gives its examples one by one: give a loader of batches"),
        (Loader(), {"batch_size": 16}, "batch_size=16 cannot be given with a loader, whose batches are taken as they"),
        (Loader(third=np.ones(32)), {}, "the third part of a stream's chunk is a dict .*, found a ndarray"),
        (Loader(), {"validation": OneByOne()}, "a OneByOne gives its examples one by one"),
    ],
)
def test_what_is_no_loader_is_refused(given, settings, said):
    with pytest.raises(ng.NetgradError, match=said):
        ng.fit(net(), given, **settings)


def test_pytorchs_loader_is_taken_as_it_is():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from torch.utils.data import DataLoader, TensorDataset

    data = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(Y, dtype=torch.float32))
    loaded = ng.fit(net(), DataLoader(data, batch_size=20), epochs=2)
    same = ng.fit(net(), X, Y, epochs=2, batch_size=20, shuffle=False)
    for p, q in zip(jax.tree.leaves(same.params), jax.tree.leaves(loaded.params), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-6)
    with pytest.raises(ng.NetgradError, match="a TensorDataset gives its examples one by one"):
        ng.fit(net(), data)
