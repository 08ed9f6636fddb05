"""`twinstage synth schema`: the JSON Schema of recipes, for editors."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import print_or_write


def schema(
    out: Annotated[
        Path | None, typer.Option("--out", help="A file to write instead of printing.", show_default=False)
    ] = None,
) -> None:
    """Print the JSON Schema of a recipe; docs/recipes.md says how editors use it."""
    from twinstage.synth.recipe import recipe_schema

    text = recipe_schema()
    print_or_write(text, out)
