"""`netgrad sample`: text from a character model."""

from __future__ import annotations

from typing import Annotated

import typer

from netgrad.cli.predict import ModelFile
from netgrad.compiling import MOST_SEEDS


def sample(
    ctx: typer.Context,
    model_file: ModelFile,
    prime: Annotated[str, typer.Option(help="The beginning, at least one symbol that the model knows.")] = "\n",
    length: Annotated[int, typer.Option(min=1, help="How many symbols to write.")] = 400,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="Below 1 likely symbols become likelier; 0 takes the likeliest.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEEDS - 1, help="Another seed writes another text.")] = 0,
) -> None:
    """Write text with a character model, after the symbols of --prime; a model that translates translates it."""
    import netgrad as ng
    from netgrad.cli import sequences, translations

    model = ng.load(model_file)
    if "translation" in model.card:
        sequences.refuse(ctx, ("length", "temperature", "seed"), "has no effect on translations")
        print(*translations.translated(model, [prime.strip("\n")]))
        return
    print(prime + ng.sample(model, prime, length, temperature=temperature, seed=seed))
