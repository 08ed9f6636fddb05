"""The state that a dataset starts from: a layer of the twin's own opinions, below everything that is randomized.

It is part of the dataset (`state.usda`), so that a resume, another worker or another machine starts from the very same.
Frames name it as their sublayer. Its text may come from another machine, so nothing in it may lead to another file.
Touches pxr and the dataset's folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from twinstage.base.errors import UserError
from twinstage.scene.stage import OpenedStage
from twinstage.synth.canonical import sha256_hex
from twinstage.synth.recipe import Recipe

STATE_LAYER = "state.usda"
"""Its name in a dataset."""

MOST_BYTES = 64 * 2**20
"""The largest state that is taken."""

_FROM_FRAMES = f"../{STATE_LAYER}"


@dataclass(frozen=True, slots=True)
class Start:
    """`text`: usda; `moment`: of the state, ISO 8601 or seconds of a recording; `origin`: how messages name it."""

    text: str
    moment: str
    origin: str = "the state"

    @property
    def hash(self) -> str:
        """SHA-256 of the text, hex."""
        return sha256_hex(self.text.encode())

    def as_data(self) -> dict[str, str]:
        """What the manifest and the run say of it."""
        return {"layer": STATE_LAYER, "moment": self.moment, "hash": self.hash}


def stored_start(out: Path) -> Start | None:
    """The start that a dataset's folder holds."""
    path = out / STATE_LAYER
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path} is damaged; remove the folder {out} and start again") from None
    return checked_start(text, str(path))


def required_start(recipe: Recipe, start: Start | None) -> Start | None:
    """The start, if the recipe names one. Raises UserError where it is to be there and is not."""
    if recipe.state is None:
        return None
    if start is None:
        raise UserError(
            "the recipe starts from a state, and none is at hand; `twinstage synth generate` gets it"
        )
    return start


def checked_start(text: str, origin: str) -> Start:
    """The start of a layer's text. Raises UserError for a text that is no layer, is too large or leads to other files."""
    layer = _parsed(text, origin)
    note = layer.customLayerData.get("twinstage") or {}
    return Start(text, _moment(note), origin)


def _moment(note: Mapping[str, object]) -> str:
    """What the layer says of its time."""
    return str(note["time"]) if "time" in note else f"{note['seconds']:g} s" if "seconds" in note else ""


def _parsed(text: str, origin: str) -> Any:
    from pxr import Sdf, Tf, UsdUtils

    if len(text.encode()) > MOST_BYTES:
        raise UserError(f"{origin} is larger than {MOST_BYTES // 2**20} MiB, which no state of a twin is")
    layer = Sdf.Layer.CreateAnonymous("state.usda")
    try:
        read = layer.ImportFromString(text)
    except Tf.ErrorException:
        read = False
    if not read:
        raise UserError(f"{origin} is no USD layer, so it is no state of a twin")
    others: list[str] = []

    def note(path: str) -> str:
        others.append(path)
        return path

    UsdUtils.ModifyAssetPaths(layer, note)  # sublayers, arcs, attributes and metadata alike
    if others:
        raise UserError(_refusal(layer, others[0], origin))
    return layer


def _refusal(layer: Any, file: str, origin: str) -> str:
    """Why a state that leads to that file is not taken: mostly, because somebody placed an asset in the twin."""
    found: list[str] = []

    def look(path: Any) -> None:
        spec = layer.GetPrimAtPath(path) if path.IsPrimPath() else None
        if spec and any(one.assetPath == file for one in spec.referenceList.GetAddedOrExplicitItems()):
            found.append(str(path))

    layer.Traverse("/", look)
    if found and file.startswith("./"):
        return (
            f"{origin} has {found[0]}, which somebody placed in the twin out of {file[2:]}, and a state has to stand alone; "
            "remove it there, or put it into the stage with `twinstage edits export --copy-assets` and serve that"
        )
    shown = file if not PurePath(file).is_absolute() else PurePath(file).name
    return f"{origin} leads to another file ({shown}), which a state must not"


def apply_start(opened: OpenedStage, start: Start) -> None:
    """Put the start into the stage's live layer. Raises UserError where it moves prims that the stage does not have."""
    opened.layers.live.TransferContent(_parsed(start.text, start.origin))
    missing = _missing(opened)
    if missing:
        raise UserError(
            f"{start.origin} changes {missing[0]}, which {opened.path.name} does not have; a dataset starts from a twin of "
            "its own stage"
        )


def _missing(opened: OpenedStage) -> list[str]:
    """Prims that the start has opinions on and nobody defines."""
    found: list[str] = []

    def look(path: Any) -> None:
        if path.IsPrimPath():
            prim = opened.stage.GetPrimAtPath(path)
            if not prim or not prim.IsDefined():
                found.append(str(path))

    opened.layers.live.Traverse("/", look)
    return sorted(found)


def above_start(layer: str, start: Start | None) -> str:
    """A frame's layer text with the start as its sublayer, so that it makes the frame out of the stage alone."""
    if start is None:
        return layer
    head, opening, rest = layer.partition("(\n")
    return f"{head}{opening}    subLayers = [@{_FROM_FRAMES}@]\n{rest}"
