"""The edits of people alone, as a small layer that a designer can read, or put above the stage. Touches pxr."""

from typing import Any

from twinstage.scene.export.own import _copy_metadata, export_layer
from twinstage.scene.export.target import Target
from twinstage.scene.stage import OpenedStage


def edits_layer(opened: OpenedStage) -> Any:
    """A copy of the session's `ui` layer with the stage's units and axes."""
    from pxr import Sdf

    layer = Sdf.Layer.CreateAnonymous("edits.usda")
    layer.TransferContent(opened.layers.ui)
    _copy_metadata(opened.stage.GetRootLayer(), layer)
    return layer


def edits_text(opened: OpenedStage) -> str:
    """The same as usda."""
    return str(edits_layer(opened).ExportToString())


def write_edits(opened: OpenedStage, target: Target) -> None:
    """The same as a file."""
    target.check(opened.stage)
    export_layer(edits_layer(opened), target)
