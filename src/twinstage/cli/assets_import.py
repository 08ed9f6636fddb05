"""`twinstage assets import`: a file of another format becomes a USD package."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twinstage.base.errors import UserError
from twinstage.base.terminal import printable
from twinstage.cli.common import AssetRoots, Json, print_json

if TYPE_CHECKING:
    from twinstage.assets.importing.package import Written

MOST_NOTES = 12
LARGE_M, SMALL_M = 200.0, 0.002
"""Sizes beyond which a wrong unit is likely [m]."""


def import_(
    file: Annotated[Path, typer.Argument(help="The file, such as pump.glb.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", help="The folder to write; it must be new.", show_default=False)
    ],
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="Class of the whole model; may be given again.", show_default=False),
    ] = None,
    scale: Annotated[float, typer.Option("--scale", help="Make it so many times as large.")] = 1.0,
    up: Annotated[
        str, typer.Option("--up", help="Which axis points up in the file, Y or Z.", show_default=False)
    ] = "",
    units: Annotated[
        str, typer.Option("--units", help="Unit of the file's lengths: m, cm, mm or in.", show_default=False)
    ] = "",
    name: Annotated[
        str, typer.Option("--name", help="Name of the model; the file's own otherwise.", show_default=False)
    ] = "",
    collider: Annotated[
        str,
        typer.Option(
            "--collider",
            help="Let meshes collide: convexHull, convexDecomposition, boundingCube, boundingSphere or none (as they are).",
            show_default=False,
        ),
    ] = "",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE, an option of the file's importer.", show_default=False),
    ] = None,
    package: Annotated[
        list[str] | None,
        typer.Option(
            "--package",
            help="NAME=DIR, a ROS package that a robot's file names; those beside the file are found.",
            show_default=False,
        ),
    ] = None,
    usdz: Annotated[bool, typer.Option("--usdz", help="Write NAME.usdz, too: all in one file.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what an import wrote before.")] = False,
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """Make a USD package of a model in another format: in metres, Z-up, with materials, textures and animation.

    The package is a folder with NAME.usda, which is what scenes refer to, and its payload. The file is read in a child process
    with limits, so a broken one leaves a sentence and no files. What could not be carried is listed.
    """
    from twinstage.assets.importing.imports import Wish, import_file

    wish = Wish(
        name=name,
        labels=tuple(label or ()),
        up=up.upper(),
        units=units,
        scale=scale,
        collider=collider,
        usdz=usdz,
        force=force,
        options=_options(set_ or []),
        roots=tuple(asset_root or ()),
        packages=_packages(package or []),
    )
    written = import_file(file, out, wish)
    if json_:
        print_json(_as_json(written, out))
    else:
        _tell(written, out)


def _options(texts: list[str]) -> dict[str, Any]:
    options = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise UserError(f"--set {text!r} is not of the form NAME=VALUE")
        options[key] = value
    return options


def _packages(texts: list[str]) -> dict[str, Path]:
    packages = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder):
            raise UserError(f"--package {text!r} is not of the form NAME=DIR")
        packages[name] = Path(folder)
    return packages


def _as_json(written: "Written", out: Path) -> dict[str, Any]:
    from dataclasses import asdict

    notes = [note.as_dict() for note in written.notes]
    return {**asdict(written), "notes": notes, "root": str(out / written.root)}


def _tell(written: "Written", out: Path) -> None:
    print(out / written.root)
    print("  " + ", ".join(_counted(*pair) for pair in _amounts(written)))
    for title, seconds in written.animations:
        print(f"  animation {title!r}, {seconds:.2f} s")
    x, y, z = written.size
    print(f"  {_length(x)} x {_length(y)} x {_length(z)} (x, y, z; z is up)")
    if max(written.size) > LARGE_M or max(written.size) < SMALL_M:
        print("  is that its size? --units says the unit of the file's lengths, --scale changes it")
    for note in written.notes[:MOST_NOTES]:
        where = f"{note.path}: " if note.path else ""
        advice = f"; {note.fix}" if note.fix else ""
        print(printable(f"  note: {where}{note.message}{advice}"))
    if len(written.notes) > MOST_NOTES:
        print(f"  note: and {len(written.notes) - MOST_NOTES} more; --json lists them")


def _amounts(written: "Written") -> list[tuple[int, str]]:
    rare = [
        (written.skins, "skin"),
        (written.joints, "joint"),
        (written.cameras, "camera"),
        (written.lights, "light"),
    ]
    always = [
        (written.prims, "prim"),
        (written.triangles, "triangle"),
        (written.materials, "material"),
        (written.textures, "texture"),
    ]
    return always + [pair for pair in rare if pair[0]]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _length(metres: float) -> str:
    """A length that a person can check at a glance."""
    if metres == 0:
        return "0 m"
    if metres >= 1000:
        return f"{metres / 1000:.3g} km"
    return f"{metres * 1000:.3g} mm" if metres < 0.01 else f"{metres:.3g} m"
