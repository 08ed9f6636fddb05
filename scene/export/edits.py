"""The edits of people alone, as a small layer that a designer can read, or put above the stage. Touches pxr."""

from twinstage.scene.export.own import copy_metadata
from twinstage.scene.stage import OpenedStage


def edits_text(opened: OpenedStage) -> str:
    """A copy of the session's `ui` layer with the stage's units and axes, as usda."""
    from pxr import Sdf

    layer = Sdf.Layer.CreateAnonymous("edits.usda")
    layer.TransferContent(opened.layers.ui)
    copy_metadata(opened.stage.GetRootLayer(), layer)
    return str(layer.ExportToString())
