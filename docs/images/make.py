"""Makes the README's pictures, with the model that `netgrad fit digits` trains: `make pictures`."""

import tempfile
from pathlib import Path

import netgrad as ng
from netgrad.cli import main, sources
from netgrad.report import figures
from netgrad.report.diagnosis import layer_violins
from netgrad.report.judgement import judge
from netgrad.report.layers import traced

HERE = Path(__file__).parent


def draw() -> None:
    """Train, then draw the layers' distributions and the worst mistakes on the test examples."""
    digits = sources.read(sources.Request("digits"))
    with tempfile.TemporaryDirectory() as folder:
        main(["fit", "digits", "--quiet", "--out", folder])
        model = ng.load(Path(folder) / "model.safetensors")
    layers = layer_violins(traced(model, digits.x_test, digits.y_test))
    (HERE / "digits-layers.png").write_bytes(figures.png(layers, 110))
    judgement = judge(model, digits.x_test, digits.y_test)
    worst, _ = judgement.worst(6)
    captions = [f"{judgement.truth[i]}, taken for {judgement.predicted[i]}" for i in worst]
    (HERE / "digits-mistakes.png").write_bytes(figures.png(figures.pictures(digits.x_test[worst], captions), 110))


if __name__ == "__main__":
    draw()
