"""One picture of a stage, for `twinstage render`."""

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding, in_order

if TYPE_CHECKING:
    from twinstage.render.capture import Camera
    from twinstage.render.engines import EngineSettings
    from twinstage.scene.snapshot import Snapshot


def render_picture(
    stage: Path,
    *,
    out: Path,
    camera: str | None,
    engine: str,
    spp: int,
    size: tuple[int, int],
    exposure: float,
    seed: int,
    time_code: float | None = None,
    refine: int | None = None,
    asset_roots: tuple[Path, ...] = (),
    variants: tuple[tuple[str, str], ...] = (),
) -> dict[str, Any]:
    """Render through a camera of the stage and write a PNG; returns what was done.

    Without a `camera` it is the first one of the stage, or, where it has none, one that frames the scene.

    `time_code`, `refine`: as `scene.read.read_snapshot` takes them.

    Raises:
        UserError: no such stage, camera or engine, a time code that is not finite, or an `out` whose folder cannot be written.
    """
    from twinstage.live.twin import TwinFiles, open_files
    from twinstage.render.engines import open_engine
    from twinstage.render.picture import save_png
    from twinstage.scene.read import read_snapshot

    if out.suffix.lower() != ".png":
        raise UserError(f"--out must name a .png file, got {out}")
    if time_code is not None and not math.isfinite(time_code):
        raise UserError(f"--time is {time_code:g}; a time code of the stage was expected")
    opened = open_files(TwinFiles(stage, asset_roots=asset_roots, variants=variants))
    snapshot = read_snapshot(opened, time_code, refine=refine)
    view, name = _view(snapshot, camera, size)
    settings = _settings(engine, spp=spp, seed=seed, exposure=exposure)
    started = time.perf_counter()
    capture = open_engine(settings).render(snapshot, view)
    seconds = time.perf_counter() - started
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        save_png(out, capture.aovs["rgb"])
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}") from error
    return {
        "out": str(out),
        "camera": name,
        "engine": engine,
        "seconds": seconds,
        "findings": [finding.as_dict() for finding in _notes(snapshot)],
    }


def _view(snapshot: "Snapshot", camera: str | None, size: tuple[int, int]) -> tuple["Camera", str]:
    from twinstage.render.camera import camera_from_scene, find_camera
    from twinstage.render.framing import frame_scene

    if camera is None and not snapshot.cameras:
        return frame_scene(snapshot, *size), "the whole scene"
    chosen = snapshot.cameras[0] if camera is None else find_camera(snapshot, camera)
    return camera_from_scene(snapshot, chosen, *size), snapshot.prims.path[chosen.prim]


def _notes(snapshot: "Snapshot") -> list[Finding]:
    """What the readers found, errors first, and why a picture is dark."""
    from twinstage.render.lighting import placed_lights

    found = list(snapshot.findings)
    if snapshot.lights and not placed_lights(snapshot):
        found.append(
            Finding("light.none", "info", "", "every light of the stage is hidden or dark, so none shines")
        )
    return in_order(found)


def _settings(engine: str, *, spp: int, seed: int, exposure: float) -> "EngineSettings":
    from pydantic import ValidationError

    from twinstage.render.engines import ENGINES, EngineSettings

    ENGINES.get(engine)
    try:
        return EngineSettings(kind=engine, spp=spp, seed=seed, exposure=exposure)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UserError(f"--{name} is {first['input']!r}: {first['msg']}") from None
