"""`twinstage synth schema`: the JSON Schema of recipes, for editors."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.base.errors import UserError


def schema(
    out: Annotated[
        Path | None, typer.Option("--out", help="A file to write instead of printing.", show_default=False)
    ] = None,
) -> None:
    """Print the JSON Schema of a recipe; docs/recipes.md says how editors use it."""
    from twinstage.synth.recipe import recipe_schema

    text = recipe_schema()
    if out is None:
        print(text, end="")
    else:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"{out} cannot be written: {error.strerror or error}") from None
        print(out)
