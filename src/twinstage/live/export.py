"""`twinstage export` and `twin.export`: a twin's state, or a recorded window of it, as files.

What is exported is what the twin had: its own opinions as they stand in the live layer, over the designers' files.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from twinstage.base.clock import NS
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.live.replay import ReplayClock, recording_start_ns, replay
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin

if TYPE_CHECKING:
    from twinstage.scene.export.own import OwnLayer
    from twinstage.scene.export.record import Recorder

FORMATS = (".usda", ".usdc", ".usdz", ".glb")


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How to write.

    Attributes:
        out: the file; its ending says the format.
        form: `layer` (the twin's opinions over the stage), `flat` (one file with everything), None: by the format
            (layer for .usda, else flat).
        copy_assets: with `flat`, copy images beside the file instead of naming them where they are.
        instancing: in a GLB, write point instances with EXT_mesh_gpu_instancing.
        still: in a GLB, write one moment: no animations, no skins, every mesh as it stands.
        clips: write a window as value clips of `clip_seconds` each.
        force: replace files that are there.
    """

    out: Path
    form: Literal["layer", "flat"] | None = None
    copy_assets: bool = False
    instancing: bool = False
    still: bool = False
    clips: bool = False
    clip_seconds: float = 10.0
    force: bool = False

    @property
    def is_layer(self) -> bool:
        """Whether the file holds only the twin's own opinions."""
        if self.clips:
            return True
        return (self.form or ("layer" if self.out.suffix.lower() == ".usda" else "flat")) == "layer"

    def check(self, *, window: bool) -> None:
        """UserError for options that do not go together."""
        suffix = self.out.suffix.lower()
        if suffix not in FORMATS:
            raise UserError(f"--out must end in one of {', '.join(FORMATS)}, got {self.out.name!r}")
        if suffix in (".usdz", ".glb") and (self.form == "layer" or self.clips):
            what = "value clips" if self.clips else "a layer"
            raise UserError(f"{what} cannot be a {suffix} file: name one that ends in .usda or .usdc")
        if self.clips and not window:
            raise UserError("--clips needs a recorded window: add --window START END")
        if self.clips and (self.form == "flat" or self.copy_assets):
            raise UserError("--clips and --flatten do not go together: clips stand over the stage as it is")
        if suffix == ".glb" and window:
            raise UserError(
                "a window cannot be written to .glb; name a .usda, .usdc or .usdz file, which can be exported to .glb then"
            )
        if self.still and suffix != ".glb":
            raise UserError(f"--still is for .glb files, and {self.out.name} is none")
        if self.copy_assets and self.is_layer:
            raise UserError(
                "--copy-assets goes with --flatten: a layer leaves the stage's files where they are"
            )


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. `time`: of the state, or of the window's frames [s]; `clips`: number of clip files."""

    path: Path
    form: str
    bytes: int
    frames: int = 0
    clips: int = 0
    findings: tuple[Finding, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "out": str(self.path),
            "form": self.form,
            "bytes": self.bytes,
            "frames": self.frames,
            "clips": self.clips,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def export_files(
    files: TwinFiles,
    options: ExportOptions,
    *,
    at: float | None = None,
    window: tuple[float, float] | None = None,
    fps: float | None = None,
    seed: int = 0,
) -> Exported:
    """Open a twin, replay its recordings, write.

    `at`: the state that many seconds after the recording began (default: before its first reading). `window`: a span of
    it, in frames of `fps` (default: one for each time code of the stage). UserError for every mistake of the user.
    """
    _check_times(files, at, window, fps)
    options.check(window=window is not None)
    clock = ReplayClock(0)
    live = open_twin(files, clock=clock, seed=seed)
    _check_target(live, options)
    began = None if live.contract is None else recording_start_ns(live.contract, live.base_dir)
    clock.start_ns = began or 0
    if window is not None:
        return _export_window(live, clock, options, window, fps, began)
    if at is not None:
        ended = replay(live, clock, [at], lambda frame, time: None)
        return _with_end(write_state(live, options, note=_note(began, at)), ended, at)
    return write_state(live, options, note=_note(began, at))


def _with_end(done: Exported, ended: float | None, last: float) -> Exported:
    """With a finding where the recordings end before what was asked for."""
    if ended is None or last <= ended:
        return done
    message = f"the recordings end by {ended:.4g} s; what was asked for later, up to {last:g} s, shows their last state"
    return replace(done, findings=(*done.findings, Finding("export.past-the-end", "warning", "", message)))


def _check_times(
    files: TwinFiles, at: float | None, window: tuple[float, float] | None, fps: float | None
) -> None:
    if at is not None and window is not None:
        raise UserError("--at and --window do not go together: a state or a span")
    if (at is not None or window is not None) and files.bindings is None:
        raise UserError("--at and --window replay a recording: add --bindings")
    if at is not None and not 0 <= at < float("inf"):
        raise UserError(f"--at is {at:g}; seconds from the start of the recording were expected, 0 or more")
    if fps is not None and window is None:
        raise UserError("--fps goes with --window")


def _check_target(live: LiveTwin, options: ExportOptions) -> None:
    from twinstage.scene.export.target import Target

    Target(options.out, options.force).check(live.opened.stage)


def _note(began_ns: int | None, start: float | None, end: float | None = None) -> dict[str, Any]:
    """What the file says of its times: seconds of the recording, and UTC where the recording knows it."""
    note: dict[str, Any] = {}
    for name, seconds in (("start", start), ("end", end)):
        if seconds is None:
            continue
        note[f"{name}Seconds"] = seconds
        if began_ns is not None:
            moment = datetime.fromtimestamp((began_ns + round(seconds * NS)) / NS, UTC)
            note[f"{name}Time"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return note


def freeze(live: LiveTwin, note: dict[str, Any] | None = None) -> "OwnLayer":
    """Bring the live layer up to date and copy the twin's opinions. In a served twin: on the server's thread."""
    from twinstage.scene.export.own import own_layer

    live.flush()
    return own_layer(live.opened, note)


def write_state(live: LiveTwin, options: ExportOptions, *, note: dict[str, Any] | None = None) -> Exported:
    """Write the state of a twin as it is now."""
    return write_own(freeze(live, note), options)


def write_own(own: "OwnLayer", options: ExportOptions) -> Exported:
    """Write frozen opinions in the format that the options name."""
    from twinstage.scene.export.flat import write_flattened, write_package
    from twinstage.scene.export.own import write_layer
    from twinstage.scene.export.target import Target

    options.check(window=options.clips)
    target = Target(options.out, options.force)
    findings: tuple[Finding, ...] = ()
    suffix = options.out.suffix.lower()
    if suffix == ".glb":
        return _write_glb(own, options, target)
    if suffix == ".usdz":
        findings = write_package(own, target)
    elif options.is_layer:
        write_layer(own, target)
    else:
        findings = write_flattened(own, target, copy_assets=options.copy_assets)
    form = "package" if suffix == ".usdz" else "layer" if options.is_layer else "flat"
    return Exported(options.out, form, options.out.stat().st_size, findings=findings)


def _write_glb(own: "OwnLayer", options: ExportOptions, target: Any) -> Exported:
    from twinstage.render.images import decode
    from twinstage.scene.glb_images import Pixels
    from twinstage.scene.glb_scene import bake_scene
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.read.motion import read_motion

    target.check(own.opened.stage)
    opened = own.as_opened()
    snapshot = read_snapshot(opened, at_rest=not options.still)
    motion = None if options.still else read_motion(opened, snapshot)
    index = snapshot.prims.index_of
    paints = {index[path]: color for path, color in own.paints.items() if path in index}
    baked = bake_scene(
        snapshot,
        instancing=options.instancing,
        paints=paints,
        decode=lambda texture, largest: Pixels(*decode(texture, largest)),
        motion=motion,
    )
    target.write(baked.data)
    return Exported(options.out, "glb", len(baked.data), findings=baked.findings)


def _export_window(
    live: LiveTwin,
    clock: ReplayClock,
    options: ExportOptions,
    span: tuple[float, float],
    fps: float | None,
    began: int | None,
) -> Exported:
    from twinstage.scene.export.clips import write_clips
    from twinstage.scene.export.record import with_window
    from twinstage.scene.export.target import Target

    recorder, ended = _record(live, clock, span, fps)
    window = recorder.window
    own = freeze(live, _note(began, window.start, window.time(window.count - 1)))
    if options.clips:
        target = Target(options.out, options.force)
        number = write_clips(own, recorder.tracks, window, target, seconds=options.clip_seconds)
        done = Exported(options.out, "clips", options.out.stat().st_size, window.count, number)
    else:
        done = replace(write_own(with_window(own, recorder.tracks, window), options), frames=window.count)
    return _with_end(done, ended, window.end)


def _record(
    live: LiveTwin, clock: ReplayClock, span: tuple[float, float], fps: float | None
) -> "tuple[Recorder, float | None]":
    import math

    from twinstage.scene.export.record import Recorder, Window

    stage = live.opened.stage
    begin = float(stage.GetStartTimeCode()) if stage.HasAuthoredTimeCodeRange() else 0.0
    rate = live.opened.time_codes_per_second
    window = Window(
        start=span[0],
        end=span[1],
        fps=rate if fps is None else fps,
        start_code=float(max(0, math.ceil(begin))),
        codes_per_second=rate,
    )
    recorder = Recorder(live.opened, window)
    times = [window.time(frame) for frame in range(window.count)]
    ended = replay(live, clock, times, lambda frame, time: recorder.take(frame))
    return recorder, ended
