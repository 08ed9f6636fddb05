"""The twin's own opinions as one layer over the designers' stage, cut loose from the live stage.

The session's sublayers (bindings, simulation, live, randomization, ui) become one anonymous layer that sublayers the
designers' root layer. What happens in the live stage afterwards does not change it. Touches pxr.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.scene.export.target import Target
from twinstage.scene.generation import plain_name
from twinstage.scene.stage import OpenedStage

_NOT_COPIED = frozenset(
    {"subLayers", "subLayerOffsets", "primChildren", "customLayerData", "comment", "documentation", "owner"}
    | {"layerRelocates", "sessionOwner", "hasOwnedSubLayers", "primOrder"}
)
"""Fields of the root layer that are its own; the others (units, axis, times, default prim) hold for the stage."""


@dataclass(frozen=True, slots=True)
class OwnLayer:
    """`layer`: Sdf.Layer with the opinions; its one sublayer is the designers' root layer as it is open now."""

    layer: Any
    opened: OpenedStage
    paints: dict[str, tuple[float, float, float]]

    def stage(self) -> Any:
        """A new stage of the layer over the designers' files."""
        from pxr import Usd

        return Usd.Stage.Open(self.layer, Usd.Stage.LoadAll)

    def as_opened(self) -> OpenedStage:
        """The same as what `read_snapshot` takes."""
        from dataclasses import replace

        from pxr import UsdUtils

        quiet = UsdUtils.CoalescingDiagnosticDelegate()  # all of it was told when the twin was opened
        try:
            return replace(self.opened, stage=self.stage())
        finally:
            quiet.TakeUncoalescedDiagnostics()


def own_layer(opened: OpenedStage, note: dict[str, Any] | None = None) -> OwnLayer:
    """Copy the session's opinions as they are now. `note` goes into the layer's customLayerData, under `twinstage`."""
    from pxr import Sdf, Usd, UsdUtils

    session = opened.stage.GetSessionLayer()
    merged = UsdUtils.FlattenLayerStack(Usd.Stage.Open(session))
    layer = Sdf.Layer.CreateAnonymous("export.usda")
    layer.TransferContent(merged)
    copy_metadata(opened.stage.GetRootLayer(), layer)
    layer.subLayerPaths = [opened.stage.GetRootLayer().identifier]
    layer.documentation = ""
    layer.comment = ""
    layer.customLayerData = {"twinstage": {"stage": opened.path.name, **(note or {})}}
    return OwnLayer(layer, opened, _paints(opened.layers.live) | _paints(opened.layers.ui))


def copy_metadata(root: Any, layer: Any) -> None:
    """Units, axis, times and the like: a stage takes them from its root layer alone."""
    source, target = root.pseudoRoot, layer.pseudoRoot
    for key in source.ListInfoKeys():
        if key not in _NOT_COPIED:
            target.SetInfo(key, source.GetInfo(key))


def _paints(live: Any) -> dict[str, tuple[float, float, float]]:
    """Linear rgb by path of the prims that a layer paints: `live` by a style, `ui` by hand."""
    found: dict[str, tuple[float, float, float]] = {}

    def look(path: Any) -> None:
        if path.IsPropertyPath() and path.name == "primvars:displayColor":
            spec = live.GetAttributeAtPath(path)
            if spec is not None and spec.default is not None and len(spec.default):
                red, green, blue = spec.default[0]
                found[str(path.GetPrimPath())] = (float(red), float(green), float(blue))

    live.Traverse("/", look)
    return dict(sorted(found.items()))


def relative_path(path: str | Path, folder: Path) -> str:
    """An anchored asset path with forward slashes, from a folder to a file."""
    out = Path(os.path.relpath(path, folder.absolute())).as_posix()
    return out if out.startswith("../") else f"./{out}"


def write_layer(own: OwnLayer, target: Target) -> None:
    """A small layer that sublayers the designers' stage by a relative path."""
    from pxr import Sdf

    target.check(own.opened.stage)
    copy = Sdf.Layer.CreateAnonymous("layer.usda")
    copy.TransferContent(own.layer)
    folder = target.path.absolute().parent
    for named in copy.GetCompositionAssetDependencies():
        if named not in copy.subLayerPaths:  # what was placed
            copy.UpdateCompositionAssetDependency(named, relative_path(plain_name(named), folder))
    copy.subLayerPaths = [relative_path(own.opened.path, folder)]
    export_layer(copy, target)


def export_layer(layer: Any, target: Target) -> None:
    """Write a layer in the format of the target's ending."""
    from pxr import Tf

    from twinstage.base.errors import UserError

    with target.writing() as temporary:
        try:
            done = layer.Export(str(temporary))
        except Tf.ErrorException as error:
            raise UserError(f"{target.path} cannot be written: {str(error).splitlines()[0]}") from None
        if not done:
            raise UserError(f"{target.path} cannot be written")
