"""What an import does in the limited child (`scene.safe.child`): read the file, write the package into a folder."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from twinstage.assets.importing.document import Document
from twinstage.assets.importing.package import Options, Written, write_package
from twinstage.assets.importing.registry import importer_for, make
from twinstage.assets.importing.source import Source
from twinstage.base.errors import UserError
from twinstage.scene.export.flat import package

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
"""Metres of what `--units` names."""


def import_task(request: dict[str, Any]) -> dict[str, Any]:
    """The child's task: a request of `imports.import_file` -> what was written."""
    path = Path(request["path"])
    source = Source(
        path,
        tuple(Path(root) for root in request["asset_roots"]),
        {name: Path(folder) for name, folder in request["packages"].items()},
    )
    document = make(importer_for(path), request["options"])(source)
    document = overridden(document, request["up"], request["units"], request["scale"])
    if not document.origin.texts:
        document = replace(document, origin=replace(document.origin, texts=source.license_texts()))
    folder = Path(request["folder"])
    options = Options(tuple(request["labels"]), request["collider"])
    written = write_package(document, folder, request["name"], options)
    if request["usdz"]:
        written = _zipped(written, folder)
    return {**asdict(written), "notes": [note.as_dict() for note in written.notes]}


def overridden(document: Document, up: str, units: str, scale: float) -> Document:
    """The document with what the user says about it, "" and 1 for nothing; `scale` comes on top of the units."""
    metres = UNITS[units] if units else document.metres_per_unit
    up_axis: Any = up or document.up_axis
    notes = tuple(n for n in document.notes if not (units and n.code == "import.no-unit"))
    return replace(document, notes=notes, metres_per_unit=metres * scale, up_axis=up_axis)


def _zipped(written: Written, folder: Path) -> Written:
    """The same files in one more: a .usdz beside the interface layer."""
    names = [written.root, *(name for name in written.files if name != written.root)]
    wanted = [
        name for name in names if Path(name).suffix.lower() in (".usda", ".usdc", ".png", ".jpg", ".exr")
    ]
    name = f"{Path(written.root).stem}.usdz"
    try:
        (folder / name).write_bytes(package([(n, (folder / n).read_bytes()) for n in wanted]))
    except OSError as error:
        raise UserError(f"{name} cannot be written: {error.strerror}") from None
    return replace(written, files=tuple(sorted([*written.files, name])))
