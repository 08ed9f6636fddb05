"""Real assets that the corpus breaks, one fault at a time; copied first, so that the originals stay as they are.

Nothing here imports what it judges: files are edited with pxr and the standard library alone.
"""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Base:
    """A real asset: `folder` below ../shared/assets that is copied, its `root` file, and the layer `edit` that is broken."""

    name: str
    folder: str
    root: str
    edit: str = ""
    tags: frozenset[str] = frozenset()


def _aws(name: str) -> Base:
    return Base(
        f"aws_{name}",
        f"industrial/aws_small_warehouse/models/{name}",
        f"{name}.usdc",
        tags=frozenset({"textured"}),
    )


def _one(path: str, *tags: str) -> Base:
    folder, _, file = path.rpartition("/")
    return Base(file, folder, file, tags=frozenset(tags))


BASES = (
    *(_aws(n) for n in ("ShelfD_01", "ShelfF_01", "PalletJackB_01", "ClutteringA_01", "ClutteringC_01")),
    *(_aws(n) for n in ("Bucket_01", "Lamp_01")),
    Base("fanuc", "industrial/fanuc_m710ic/usd", "fanuc_m710ic50.usda", "Payload/GeometryLibrary.usdc"),
    Base("abb", "industrial/abb_irb2400/usd", "abb_irb2400.usda", "Payload/GeometryLibrary.usdc"),
    _one("industrial/newton_cell/palletizer_scene.usda", "scene"),
    _one("industrial/newton_cell/crazyflie.usd", "scene"),
    _one("industrial/newton_cell/cartpole.usda", "scene"),
    _one("industrial/usd_optimize/pointInstancer.usda", "points", "scene"),
    _one("industrial/usd_optimize/factory.usda", "scene"),
    _one("features/usd_optimize/editStageMetrics_pointInstancer.usda", "points"),
    _one("features/pixar/pointinstancer/pi_basic.usda", "points"),
    _one("features/pixar/pointinstancer/pi_masking.usda", "points"),
    _one("features/pixar/lefthanded/subdivMesh.usda", "creases"),
    _one("features/pixar/lefthanded/lefthandedMesh.usda", "creases"),
    _one("features/usdwg/schemaTests/usdGeom/meshes/5_face/5_face.usda"),
    _one("features/usdwg/schemaTests/usdGeom/meshes/mixed_faceVertexCounts/mixed.usda"),
    _one("features/usdwg/schemaTests/usdGeom/meshes/quad_mesh/quads.usda"),
    _one("features/usdwg/schemaTests/usdGeom/meshes/subdiv_catmullClark/subdiv_catmullClark.usda"),
    _one("features/usd_optimize/holeIndices.usda"),
    _one("features/usd_optimize/geometryWindings.usda"),
    _one("features/tinyusdz/texture-cat-plane.usda", "textured"),
    _one("features/tinyusdz/uv-quad-textured.usda", "textured"),
    _one("features/tinyusdz/uv-tex-facevarying.usda", "textured"),
    _one("features/tinyusdz/texture-channel-001.usda", "textured"),
    _one("features/tinyusdz/facevarying-normal-test.usda"),
    _one("features/tinyusdz/suzanne.usdc"),
    _one("full/Teapot/geo/UtahTeapot.usd"),
    _one("full/StandardShaderBall/material_surface_geo/subdiv.usda"),
    _one("features/pixar/mtlx/normalMapFiles/testGeom.usda"),
    _one("features/usdz/CesiumMan/CesiumMan.usdz", "package"),
    _one("features/usdz/BoxAnimated/BoxAnimated.usdz", "package"),
    _one("features/usdz/RiggedSimple/RiggedSimple.usdz", "package"),
    _one("features/usdz/AnimatedTriangle/AnimatedTriangle.usdz", "package"),
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """What was broken. `codes`: names under which a finding names it; `places`: parts of which one must be named, or ()."""

    operator: str
    codes: frozenset[str]
    places: tuple[str, ...] = ()
    text: str = ""


@dataclass
class Copy:
    """A copy of a base that may be broken. `root` is what is checked."""

    base: Base
    home: Path
    root: Path
    rng: random.Random
    keep: list[Any] = field(default_factory=list)

    @property
    def edit(self) -> Path:
        """The file of the layer that is edited."""
        return self.home / self.base.edit if self.base.edit else self.root

    def layer(self) -> Any:
        """That layer, opened anew from its file."""
        from pxr import Sdf

        layer = Sdf.Layer.OpenAsAnonymous(str(self.edit))
        self.keep.append(layer)
        return layer

    def save(self, layer: Any) -> None:
        """Write the layer over its file, in the file's own format."""
        kind = "usda" if self.edit.read_bytes()[:5] == b"#usda" else "usdc"
        args = {"format": kind} if self.edit.suffix == ".usd" else {}
        self.edit.unlink()
        assert layer.Export(str(self.edit), args=args)

    def specs(self, layer: Any, kind: str) -> list[Any]:
        """Prim specs of that type that are defined in the layer, in the order of their paths."""
        from pxr import Sdf

        found: list[Any] = []
        if "package" in self.base.tags:
            return found  # packages cannot be written

        def visit(path: Any) -> None:
            spec = layer.GetPrimAtPath(path) if path.IsPrimPath() else None
            if spec and spec.typeName == kind and spec.specifier == Sdf.SpecifierDef and "{" not in str(path):
                found.append(spec)

        layer.Traverse(Sdf.Path.absoluteRootPath, visit)
        return sorted(found, key=lambda spec: str(spec.path))


Operator = Callable[[Copy], "Fault | None"]
"""Breaks a copy and says how; None where the asset has nothing of that kind."""

IGNORED = shutil.ignore_patterns("meshes", "*.dae", "*.DAE", "*.sdf", "*.obj", "*.mtl", "urdf")


def copied(base: Base, shared: Path, target: Path, rng: random.Random) -> Copy:
    """A copy below an empty folder. Of folders with many files only those of the asset are taken."""
    source = shared / "assets" / base.folder
    home = target / "asset"
    if len(list(source.glob("*.usd*"))) > 3 and not base.edit:
        home.mkdir(parents=True)
        shutil.copy2(source / base.root, home / base.root)
        if "textured" in base.tags:
            shutil.copytree(source / "textures", home / "textures")
    else:
        shutil.copytree(source, home, ignore=IGNORED)
    return Copy(base, home, home / base.root, rng)
