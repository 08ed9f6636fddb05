"""A recorded window as value clips: chunks of time samples that a viewer opens when it gets there.

    out.usda                    sublayers the designers' stage; `clips` metadata on the root prims
    out_clips/manifest.usdc     which attributes the clips hold
    out_clips/clip.000000.usdc  time samples from time code 0 on, and so on

Clips are weaker than the opinions of the layers in which they stand. So what the designers' own layers say a value of
(a visibility, the arrays of an instancer) goes into the root file as time samples; all the rest goes into the clips.
Each clip holds one sample more on either side, so that what is between two samples is right across its border, too.
"""

import math
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError
from twinstage.scene.export.own import OwnLayer, export_layer, relative_path
from twinstage.scene.export.record import Track, Window, add_samples, set_range, settle
from twinstage.scene.export.target import Target, write_folder

SET_NAME = "twinstage"
OURS = r"manifest\.usdc|clip\.\d+\.usdc"
DIGITS = 6
MAX_CLIPS = 10_000


def write_clips(
    own: OwnLayer, tracks: dict[str, Track], window: Window, target: Target, *, seconds: float = 10.0
) -> int:
    """Write the root file and its clips of about `seconds` each; returns the number of clips.

    The own layer is used up. UserError for a target that is no .usda or .usdc, or a window of too many clips.
    """
    if target.path.suffix not in (".usda", ".usdc"):
        raise UserError(f"value clips need a root file that ends in .usda or .usdc, got {target.path.name}")
    if not seconds > 0:
        raise UserError(f"a clip of {seconds:g} s is none; a number above 0 was expected")
    target.check(own.opened.stage)
    stride = max(1, math.ceil(seconds * window.codes_per_second))
    first = math.floor(window.start_code)
    last_code = window.code(window.count - 1)
    # A template's time mapping ends at its last clip, so one more clip begins at or after the last frame.
    starts = list(range(first, math.ceil(last_code) + stride, stride))
    if len(starts) > MAX_CLIPS:
        raise UserError(
            f"the window needs {len(starts)} clips; at most {MAX_CLIPS} are written: make each longer"
        )
    settle(own.layer, tracks)
    shadowed = _shadowed(own, tracks)
    clipped = {path: t for path, t in tracks.items() if t.moves and path not in shadowed and _spec(own, path)}
    add_samples(own.layer, {path: tracks[path] for path in shadowed}, window)
    for path in clipped:
        own.layer.GetAttributeAtPath(path).ClearDefaultValue()
    set_range(own.layer, window)
    folder = target.path.absolute().parent / f"{target.path.stem}_clips"
    samples = {path: list(track.samples(window)) for path, track in clipped.items()}

    def fill(into: Path) -> None:
        _layer(own, samples, window, None).Export(str(into / "manifest.usdc"))
        for start in starts:
            _layer(own, samples, window, (start, start + stride)).Export(
                str(into / f"clip.{start:0{DIGITS}d}.usdc")
            )

    write_folder(folder, force=target.force, ours=OURS, fill=fill)
    for root in sorted({_root_of(path) for path in clipped}):
        own.layer.GetPrimAtPath(root).SetInfo("clips", _metadata(target, root, starts, stride))
    own.layer.subLayerPaths = [relative_path(own.opened.path, target.path.absolute().parent)]
    export_layer(own.layer, target)
    return len(starts)


def _metadata(target: Target, root: str, starts: list[int], stride: int) -> dict[str, Any]:
    from pxr import Sdf

    folder = f"./{target.path.stem}_clips"
    return {
        SET_NAME: {
            "primPath": root,
            "manifestAssetPath": Sdf.AssetPath(f"{folder}/manifest.usdc"),
            "templateAssetPath": f"{folder}/clip.{'#' * DIGITS}.usdc",
            "templateStartTime": float(starts[0]),
            "templateEndTime": float(starts[-1]),
            "templateStride": float(stride),
        }
    }


def _layer(
    own: OwnLayer, samples: dict[str, list[tuple[float, Any]]], window: Window, span: tuple[int, int] | None
) -> Any:
    """A clip with what lies within `span` (and one sample more on either side), or the manifest."""
    from pxr import Sdf

    layer = Sdf.Layer.CreateAnonymous("clip.usdc")
    for path in sorted(samples):
        source = own.layer.GetAttributeAtPath(path)
        prim = Sdf.CreatePrimInLayer(layer, Sdf.Path(path).GetPrimPath())
        Sdf.AttributeSpec(prim, source.name, source.typeName, source.variability)
        if span is None:
            continue
        for code, value in _within(samples[path], *span):
            layer.SetTimeSample(path, code, Sdf.ValueBlock() if value is None else value)
    layer.timeCodesPerSecond = window.codes_per_second
    if span is not None:
        layer.startTimeCode, layer.endTimeCode = float(span[0]), float(span[1])
    return layer


def _within(samples: list[tuple[float, Any]], start: float, end: float) -> list[tuple[float, Any]]:
    codes = [code for code, _ in samples]
    before = [k for k, code in enumerate(codes) if code <= start]
    after = [k for k, code in enumerate(codes) if code >= end]
    return samples[before[-1] if before else 0 : (after[0] + 1) if after else len(samples)]


def _shadowed(own: OwnLayer, tracks: dict[str, Track]) -> list[str]:
    """Attributes that move and of which the designers' own layers (not what they reference) say a value."""
    local = own.opened.stage.GetLayerStack(includeSessionLayers=False)
    found = []
    for path, track in sorted(tracks.items()):
        specs = [layer.GetAttributeAtPath(path) for layer in local] if track.moves else []
        if any(
            s is not None and (s.HasDefaultValue() or s.layer.ListTimeSamplesForPath(path)) for s in specs
        ):
            found.append(path)
    return found


def _spec(own: OwnLayer, path: str) -> Any:
    return own.layer.GetAttributeAtPath(path)


def _root_of(path: str) -> str:
    return "/" + path.split("/", 2)[1].split(".", 1)[0]
