"""What must hold of any capture, whatever is in view. Takes captures and eyes; calls nothing of the label pass."""

import hashlib
from typing import Any

import numpy as np

from exactness.eyes import Eye

REPROJECTION = 0.01
"""How far a labelled point may be from its pixel's centre when it is projected back [px]."""


def digest(capture: Any) -> str:
    """SHA-256 over every AOV, mask and count, hex."""
    out = hashlib.sha256()
    for name in sorted(capture.aovs):
        array = np.ascontiguousarray(capture.aovs[name])
        out.update(f"{name} {array.dtype} {array.shape}".encode())
        out.update(array.tobytes())
    for mask in capture.objects:
        counts = mask.object, mask.visible_px, mask.amodal_px_in_frame, mask.amodal_px_total
        out.update(repr(tuple(map(int, counts))).encode())
        out.update(np.packbits(mask.visible).tobytes() + np.packbits(mask.amodal).tobytes())
    return out.hexdigest()


def broken(capture: Any, eye: Eye) -> list[str]:
    """A sentence for each promise that the capture does not keep."""
    return [*_masks(capture), *_aovs(capture), *_reprojected(capture, eye)]


def _masks(capture: Any) -> list[str]:
    out = []
    shape = capture.aovs["object"].shape
    times = np.zeros(shape, np.int64)
    for mask in capture.objects:
        name = f"object {mask.object}"
        times += mask.visible
        if (mask.visible & ~mask.amodal).any():
            out.append(f"{name}: visible pixels lie outside of the full mask")
        if mask.visible_px != np.count_nonzero(mask.visible):
            out.append(
                f"{name}: visible_px is {mask.visible_px}, its mask has {np.count_nonzero(mask.visible)}"
            )
        if mask.amodal_px_in_frame != np.count_nonzero(mask.amodal):
            out.append(f"{name}: amodal_px_in_frame differs from its mask")
        if mask.amodal_px_total < mask.amodal_px_in_frame:
            out.append(f"{name}: amodal_px_total is below amodal_px_in_frame")
        if ((capture.aovs["object"] == mask.object + 1) != mask.visible).any():
            out.append(f"{name}: the object AOV differs from its visible mask")
    if (times > 1).any():
        out.append("visible masks overlap")
    if (times.astype(bool) != (capture.aovs["object"] > 0)).any():
        out.append("the object AOV names objects that have no mask")
    return out


def _aovs(capture: Any) -> list[str]:
    out = []
    aovs = capture.aovs
    seen = np.isfinite(aovs["depth"])
    if (aovs["depth"][seen] <= 0).any() and "range" not in aovs:
        out.append("depth is not above zero")
    if ((aovs["object"] > 0) & ~seen).any():
        out.append("an object is seen where depth is infinite")
    for name in ("normal", "normal_camera"):
        if name in aovs:
            length = np.linalg.norm(aovs[name].astype(np.float64), axis=-1)
            if (np.abs(length[seen] - 1) > 1e-5).any() or (length[~seen] != 0).any():
                out.append(f"{name} is not of unit length on surfaces and zero elsewhere")
    if "range" in aovs and (aovs["range"][seen] < np.abs(aovs["depth"][seen]) * (1 - 1e-6)).any():
        out.append("range is below depth")
    if "instance" in aovs and ((aovs["instance"] > 0) != seen).any():
        out.append("instance and depth disagree on the background")
    if "nocs" in aovs:
        held = np.isfinite(aovs["nocs"]).all(-1)
        inside = (aovs["nocs"][held] >= -1e-5) & (aovs["nocs"][held] <= 1 + 1e-5)
        if (held != (aovs["object"] > 0)).any():
            out.append("NOCS and objects disagree on where there is one")
        if not inside.all():
            out.append("NOCS leaves 0 to 1")
    return out


def reprojection(capture: Any, eye: Eye) -> tuple[np.ndarray, np.ndarray]:
    """How far points of the `position` AOV land from their pixels' centres, and what of that float32 may cause, f8[n] [px]."""
    position = capture.aovs["position"].reshape(-1, 3).astype(np.float64)
    seen = np.flatnonzero(np.isfinite(position).all(1))
    centres = eye.grid()[seen]
    landed = eye.project(position[seen], centres[:, 1].astype(int))
    rounding = np.spacing(np.abs(position[seen]).max(1).astype(np.float32)).astype(np.float64)
    reach = np.maximum(np.linalg.norm(eye.local(position[seen]), axis=1), 1e-12)
    if eye.kind == "orthographic":
        reach = np.ones(len(reach))
    off = landed - centres
    if eye.kind == "equirectangular":  # around the back, and pixels at the poles are narrow
        turn = 2 * np.pi * eye.K[0, 0]
        latitude = (centres[:, 1] - eye.K[1, 2]) / eye.K[1, 1]
        off[:, 0] = ((off[:, 0] + turn / 2) % turn - turn / 2) * np.cos(latitude)
    return np.linalg.norm(off, axis=1), rounding / reach * max(eye.K[0, 0], eye.K[1, 1]) * 4


def _reprojected(capture: Any, eye: Eye) -> list[str]:
    if "position" not in capture.aovs:
        return []
    off, rounding = reprojection(capture, eye)
    worst = float((off - rounding).max(initial=0.0))
    return [f"a labelled point lands {worst:.3g} px from its pixel's centre"] if worst > REPROJECTION else []
