"""Importers of robots: URDF and xacro."""

from pathlib import Path
from typing import ClassVar, Literal

from twinstage.assets.importing.document import Document, note
from twinstage.assets.importing.meshes.files import read_bounded
from twinstage.assets.importing.registry import IMPORTERS, Importer
from twinstage.assets.importing.source import Source
from twinstage.assets.importing.urdf.build import RobotBuilder
from twinstage.assets.importing.urdf.macros import arguments_of, expand
from twinstage.assets.importing.urdf.packages import packages_near
from twinstage.assets.importing.urdf.parse import read_urdf

MAX_BYTES = 64 << 20


@IMPORTERS.register
class UrdfImporter(Importer):
    """URDF. fixed_base: whether the root link is held in the world, as an arm's is; false for what drives about."""

    extensions: ClassVar[tuple[str, ...]] = (".urdf",)
    kind: Literal["urdf"] = "urdf"
    fixed_base: bool = True

    @classmethod
    def packages_near(cls, path: Path) -> dict[str, Path]:
        """ROS packages beside the file."""
        return packages_near(path)

    def __call__(self, source: Source) -> Document:
        """The document of a robot. Raises UserError for what is no robot; meshes that are missing are notes."""
        return self._document(source, read_bounded(source.path, MAX_BYTES), [])

    def _document(self, source: Source, data: bytes, warnings: list[str]) -> Document:
        robot = read_urdf(source.path, data)
        builder = RobotBuilder(robot, source.path, source.roots, source.packages, self.fixed_base)
        for text in warnings:
            builder.builder.notes.append(note("xacro", source.path.name, text))
        return builder.build()


@IMPORTERS.register
class XacroImporter(UrdfImporter):
    """xacro. arguments: `name:=value` pairs, as on xacro's own command line."""

    extensions: ClassVar[tuple[str, ...]] = (".xacro",)
    needs_wall: ClassVar[str] = (
        "xacro files are programs, and this system cannot wall them in (it has no Landlock, see twinstage doctor); "
        "expand it yourself if you trust it (xacro FILE > robot.urdf), and import that"
    )
    kind: Literal["xacro"] = "xacro"  # type: ignore[assignment]
    arguments: str = ""

    def __call__(self, source: Source) -> Document:
        """The document of the robot that the file expands to."""
        given = arguments_of(self.arguments)
        data, warnings = expand(source.path, source.packages, given)
        return self._document(source, data, warnings)
