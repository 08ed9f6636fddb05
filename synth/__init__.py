"""Labelled datasets from a scene: recipe, randomizers, annotation, writers, verification.

The flow of one frame, level by level: `draws` (numbers from a key) -> `randomizers` (numbers -> USD edits) -> render's
engine and label pass (a changed snapshot -> arrays) -> `annotate` (arrays -> one JSON record) -> `writers` (records ->
another format). `verify` judges the files and shares no code with anything above.

Effects live in `generation` and `frame` (processes, files, the stage), `dataset`, `canonical` and `contact_sheet` (files), and
`verify`; everything else is plain data. Nothing here keeps a random state: a draw depends on its key alone, so frames can
be made in any order.

In ten lines of Python (docs/recipes.md):

    from twinstage.synth import LookAt, Recipe, generate

    recipe = Recipe(stage="cell.usda", cameras=[...], labels=["box"], randomize=[...])
    made = generate(recipe, out="dataset")
"""

from typing import TYPE_CHECKING, Any

__all__ = [
    "CameraSpec",
    "Generated",
    "LookAt",
    "Recipe",
    "generate",
    "load_recipe",
    "make_frame",
    "write_report",
]

if TYPE_CHECKING:
    from twinstage.synth.finish import Generated
    from twinstage.synth.generation import generate
    from twinstage.synth.recipe import CameraSpec, LookAt, Recipe, load_recipe
    from twinstage.synth.report import write_report
    from twinstage.synth.single import make_frame

_HOMES = {
    "CameraSpec": "recipe",
    "Generated": "finish",
    "LookAt": "recipe",
    "Recipe": "recipe",
    "generate": "generation",
    "load_recipe": "recipe",
    "make_frame": "single",
    "write_report": "report",
}
"""Which module holds what; it is imported at the first use, so importing this package stays cheap."""


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"twinstage.synth.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'twinstage.synth' has no attribute {name!r}")
