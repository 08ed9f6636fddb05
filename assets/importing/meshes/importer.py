"""Importers of files of polygons: OBJ, STL, PLY, COLLADA, 3MF; and of CAD files: STEP, IGES."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from twinstage.assets.importing.document import Document, Origin
from twinstage.assets.importing.meshes.build import Builder
from twinstage.assets.importing.meshes.files import Files, read_bounded
from twinstage.assets.importing.meshes.loading import Loaded, load
from twinstage.assets.importing.registry import IMPORTERS, Importer
from twinstage.assets.importing.source import Source


class MeshImporter(Importer):
    """Reads a file of polygons."""

    def __call__(self, source: Source) -> Document:
        """The document of a file. Raises UserError with one sentence for a broken one."""
        builder = Builder()
        done = self.load(source, Files(source.path, source.roots), builder)
        if done.metres_per_unit is None:
            builder.tell(
                "no-unit",
                source.path.name,
                f"{done.format} says nothing of units, so its numbers were taken as metres",
                "give --units, as in --units mm",
                severity="info",
            )
        return Document(
            name=source.path.stem,
            nodes=tuple(builder.nodes),
            geometry=tuple(builder.geometry),
            materials=tuple(builder.materials),
            images=tuple(builder.images),
            metres_per_unit=done.metres_per_unit or 1.0,
            up_axis=done.up_axis,  # type: ignore[arg-type]
            origin=Origin(
                format=done.format,
                generator=done.generator,
                author=done.author,
                license=done.copyright,
                source=source.path.name,
                texts=source.license_texts(),
            ),
            notes=tuple(builder.notes),
        )

    def load(self, source: Source, files: Files, builder: Builder) -> Loaded:
        """Add what the file holds."""
        return load(source.path, files, builder)


@IMPORTERS.register
class ObjImporter(MeshImporter):
    """Wavefront OBJ with MTL."""

    extensions: ClassVar[tuple[str, ...]] = (".obj",)
    kind: Literal["obj"] = "obj"


@IMPORTERS.register
class StlImporter(MeshImporter):
    """STL, binary and text."""

    extensions: ClassVar[tuple[str, ...]] = (".stl",)
    kind: Literal["stl"] = "stl"


@IMPORTERS.register
class PlyImporter(MeshImporter):
    """PLY, text and binary."""

    extensions: ClassVar[tuple[str, ...]] = (".ply",)
    kind: Literal["ply"] = "ply"


@IMPORTERS.register
class ColladaImporter(MeshImporter):
    """COLLADA 1.4 and 1.5."""

    extensions: ClassVar[tuple[str, ...]] = (".dae",)
    kind: Literal["collada"] = "collada"


@IMPORTERS.register
class ThreeMfImporter(MeshImporter):
    """3MF."""

    extensions: ClassVar[tuple[str, ...]] = (".3mf",)
    kind: Literal["3mf"] = "3mf"


@IMPORTERS.register
class ThreeDxmlImporter(MeshImporter):
    """3DXML of SolidWorks and CATIA."""

    extensions: ClassVar[tuple[str, ...]] = (".3dxml",)
    kind: Literal["3dxml"] = "3dxml"


@IMPORTERS.register
class StepImporter(MeshImporter):
    """STEP and IGES, through OpenCASCADE.

    tolerance_mm: how far triangles may be from the true surface [mm]; angle_deg: how much neighbours may differ in direction.
    """

    extensions: ClassVar[tuple[str, ...]] = (".step", ".stp", ".igs", ".iges")
    kind: Literal["step"] = "step"
    tolerance_mm: Annotated[float, Field(gt=0, le=1000)] = 0.1
    angle_deg: Annotated[float, Field(gt=0, le=90)] = 15.0

    def load(self, source: Source, files: Files, builder: Builder) -> Loaded:
        """Add the parts of the CAD file."""
        from twinstage.assets.importing.meshes.step import load_step

        generator = load_step(
            source.path,
            read_bounded(source.path),
            files,
            builder,
            self.tolerance_mm,
            math.radians(self.angle_deg),
        )
        return Loaded(1.0, "Z", "STEP", generator)
