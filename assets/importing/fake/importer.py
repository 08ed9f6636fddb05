"""Lists of boxes: `name x y z width depth height` a line, in metres, `#` begins a comment. An example of an importer."""

from typing import Literal

from twinstage.assets.importing.document import (
    Document,
    Material,
    Node,
    Origin,
    Shape,
    Transform,
    color,
    note,
)
from twinstage.assets.importing.registry import IMPORTERS, Importer
from twinstage.assets.importing.source import Source
from twinstage.base.errors import UserError


@IMPORTERS.register
class Boxes(Importer):
    """Reads `.boxes`. `height`: that every box gets, instead of its own."""

    extensions = (".boxes",)
    kind: Literal["boxes"] = "boxes"
    height: float | None = None

    def __call__(self, source: Source) -> Document:
        """One node and one box a line."""
        nodes, shapes, notes = [], [], []
        for number, line in enumerate(source.text().splitlines(), 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            name, values = words[0], _numbers(words[1:], f"{source.path} line {number}")
            x, y, z, *size = values
            size[2] = size[2] if self.height is None else self.height
            if min(size) <= 0:
                notes.append(
                    note("empty", f"line {number}", f"box {name!r} has no volume, so it is left out")
                )
                continue
            shapes.append(Shape(name, "box", tuple(size), material=0))
            nodes.append(Node(name, transform=Transform((x, y, z)), geometry=len(shapes) - 1))
        return Document(
            nodes=tuple(nodes),
            geometry=tuple(shapes),
            materials=(Material("cardboard", base_color=color(0.55, 0.4, 0.25)),),
            origin=Origin(format="list of boxes", source=source.path.name),
            notes=tuple(notes),
        )


def _numbers(words: list[str], where: str) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError as problem:
        raise UserError(f"{where}: {problem}") from None
    if len(values) != 6:
        raise UserError(f"{where} has {len(values)} numbers after the name; 6 were expected")
    return values
