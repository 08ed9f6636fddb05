"""Importer of MuJoCo's XML: MJCF; a URDF file by that ending is read as URDF."""

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from twinstage.assets.importing.document import Document, Origin
from twinstage.assets.importing.meshes.build import Builder
from twinstage.assets.importing.meshes.files import read_bounded
from twinstage.assets.importing.meshes.xml import parse_xml
from twinstage.assets.importing.mjcf.files import check_files
from twinstage.assets.importing.mjcf.tree import Tree
from twinstage.assets.importing.registry import IMPORTERS, Importer
from twinstage.assets.importing.source import Source
from twinstage.assets.importing.urdf.importer import UrdfImporter
from twinstage.assets.importing.urdf.packages import packages_near
from twinstage.base.errors import UserError

MAX_BYTES = 64 << 20


@IMPORTERS.register
class MjcfImporter(Importer):
    """MJCF."""

    extensions: ClassVar[tuple[str, ...]] = (".xml", ".mjcf")
    kind: Literal["mjcf"] = "mjcf"

    @classmethod
    def packages_near(cls, path: Path) -> dict[str, Path]:
        """ROS packages beside the file, for URDF."""
        return packages_near(path)

    def __call__(self, source: Source) -> Document:
        """The document of a model. Raises UserError with MuJoCo's own reason for what it does not compile."""
        root = parse_xml(source.path, read_bounded(source.path, MAX_BYTES), "file of MuJoCo")
        if root.tag == "robot":
            return UrdfImporter()(source)
        if root.tag != "mujoco":
            raise UserError(
                f"{source.path} is no model of MuJoCo: its root element is <{root.tag}>, and <mujoco> was expected"
            )
        check_files(source)
        model, name = _compiled(source.path)
        builder = Builder()
        tree = Tree(model, builder)
        with np.errstate(all="ignore"):
            tree.read()
        return Document(
            name=name or source.path.stem,
            nodes=tuple(builder.nodes),
            geometry=tuple(builder.geometry),
            materials=tuple(builder.materials),
            images=tuple(builder.images),
            cameras=tuple(tree.cameras),
            joints=tuple(tree.joints),
            origin=Origin(format="MJCF", title=name, source=source.path.name),
            notes=tuple(builder.notes),
        )


def _compiled(path: Path) -> tuple[Any, str]:
    """MuJoCo's model, and its name."""
    import mujoco

    try:
        spec = mujoco.MjSpec.from_file(str(path))
        return spec.compile(), str(spec.modelname)
    except (ValueError, mujoco.FatalError) as problem:
        reason = " ".join(str(problem).split()).removeprefix("Error: ").removeprefix("XML Error: ")
        raise UserError(f"{path}: MuJoCo does not compile it: {reason[:400]}") from None
