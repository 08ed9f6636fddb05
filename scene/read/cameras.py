"""UsdGeomCamera -> `SceneCamera`: lens in millimetres, distances in metres, shutter in seconds, exposure as a factor.

Focal length and apertures are tenths of a stage unit (UsdGeomCamera), other lengths stage units. Values that no camera can
have become the schema's fall-backs, with a finding.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.lenses import read_lens, read_motion, read_readout
from twinstage.scene.snapshot import PrimTable, SceneCamera, SceneLens
from twinstage.scene.tables import Interned

PERSPECTIVE, ORTHOGRAPHIC = "perspective", "orthographic"
SCALE_TOLERANCE = 1e-4
WIDEST_LENS = 0.5
"""A lens that is wider [m] is told: somebody took focal lengths for millimetres in a stage of metres."""


def read_cameras(context: ReadContext, table: PrimTable, prims: Sequence[Any]) -> tuple[SceneCamera, ...]:
    """All cameras in path order. A name that occurs twice is replaced by the path with dots for slashes."""
    indices = np.flatnonzero(Interned.of(table.type_name).isin(["Camera"])).tolist()
    names = [table.path[i].rpartition("/")[2] for i in indices]
    cameras = []
    for i, name in zip(indices, names, strict=True):
        unique = name if names.count(name) == 1 else table.path[i].strip("/").replace("/", ".")
        cameras.append(_read_camera(Values(context, prims[i]), i, unique))
    return tuple(cameras)


class Values:
    """Attributes of one camera prim at the snapshot's time; fall-backs are those of the schema."""

    def __init__(self, context: ReadContext, prim: Any) -> None:
        self.context = context
        self.prim = prim
        self._schema = prim.GetPrimDefinition()

    def note(self, code: str, what: str) -> None:
        """A finding about this camera; `what` goes on after its path."""
        self.context.finding(code, f"{self.prim.GetPath()} {what}", self.prim.GetPath())

    def number(self, name: str, *, above: float = -math.inf, otherwise: float | None = None) -> float:
        """A finite number greater than `above`, else `otherwise` or the schema's fall-back, with a finding."""
        value = self.prim.GetAttribute(name).Get(self.context.time)
        fall_back = self._schema.GetAttributeFallbackValue(name) if otherwise is None else otherwise
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isfinite(number) and number > above:
            return number
        limit = f" above {above:g}" if above > -math.inf else ""
        self.note(
            "camera.value", f"has {name} {value}, where a number{limit} was expected; {fall_back:g} is used"
        )
        return float(fall_back)

    def text(self, name: str, known: tuple[str, ...]) -> str:
        """One of the known tokens, else the first."""
        value = str(self.prim.GetAttribute(name).Get(self.context.time))
        if value not in known:
            self.note("camera.value", f"has {name} {value!r}; {known[0]!r} is used")
            return known[0]
        return value


def _read_camera(values: Values, index: int, name: str) -> SceneCamera:
    scale = values.context.conversion.scale

    def lens(attribute: str, above: float = -math.inf) -> float:
        """Tenths of a stage unit in millimetres; multiplied in this order, as `scene.edits` does."""
        return values.number(attribute, above=above) * scale * 100.0

    near, far = _clipping(values)
    seconds = 1.0 / float(values.context.stage.GetTimeCodesPerSecond())
    fault = _pose_fault(values)
    projection = values.text("projection", (PERSPECTIVE, ORTHOGRAPHIC))
    focal_length, f_stop = lens("focalLength", above=0), values.number("fStop")
    focus_distance = values.number("focusDistance") * scale
    _note_focus(values, focal_length, f_stop, focus_distance)
    velocity, turning = read_motion(values)
    return SceneCamera(
        prim=index,
        name=name,
        projection=projection,
        focal_length=focal_length,
        horizontal_aperture=lens("horizontalAperture", above=0),
        vertical_aperture=lens("verticalAperture", above=0),
        horizontal_offset=lens("horizontalApertureOffset"),
        vertical_offset=lens("verticalApertureOffset"),
        near=near * scale,
        far=far * scale,
        f_stop=f_stop,
        focus_distance=focus_distance,
        shutter_open=values.number("shutter:open") * seconds,
        shutter_close=values.number("shutter:close") * seconds,
        exposure_scale=_exposure_scale(values),
        clipping_planes=_planes(values, scale),
        stereo_role=values.text("stereoRole", ("mono", "left", "right")),
        lens=_lens(values, projection),
        readout=read_readout(values),
        pose_fault=fault,
        velocity=velocity,
        angular_velocity=turning,
    )


def _lens(values: Values, projection: str) -> SceneLens | None:
    found = read_lens(values)
    if found is None or projection == PERSPECTIVE:
        return found
    values.note(
        "camera.lens", f"has a lens of model {found.model!r}, which an {projection} camera cannot have"
    )
    return None


def _clipping(values: Values) -> tuple[float, float]:
    """The clipping range [stage units]; a range that holds nothing becomes the schema's."""
    found = values.prim.GetAttribute("clippingRange").Get(values.context.time)
    try:
        near, far = (float(v) for v in found)
    except (TypeError, ValueError):
        near = far = math.nan
    if math.isfinite(near) and 0 <= near < far:
        return near, far
    near, far = values.prim.GetPrimDefinition().GetAttributeFallbackValue("clippingRange")
    values.note(
        "camera.clipping", f"has clippingRange {found}, which holds nothing; ({near:g}, {far:g}) is used"
    )
    return float(near), float(far)


def _planes(values: Values, scale: float) -> tuple[tuple[float, float, float, float], ...]:
    """Additional clipping planes in the camera's axes: what has a*x + b*y + c*z + d < 0 is not seen; d in metres."""
    found = array(values.prim.GetAttribute("clippingPlanes").Get(values.context.time))
    if found is None or found.size == 0:
        return ()
    if found.ndim != 2 or found.shape[1] != 4 or not np.isfinite(found).all():
        values.note(
            "camera.value", "has clippingPlanes that are not four finite numbers each; they are left out"
        )
        return ()
    values.note(
        "camera.clipping-planes", "has clipping planes, which are kept as data; pictures leave them out"
    )
    return tuple((a, b, c, d * scale) for a, b, c, d in found.tolist())


def _exposure_scale(values: Values) -> float:
    """What an exposed picture is multiplied by (UsdGeomCamera::ComputeLinearExposureScale).

    responsivity * time * iso / 100 / fStop^2 * 2^exposure, 1 where nothing is authored.
    """
    stops = min(max(values.number("exposure"), -64.0), 64.0)
    shutter = values.number("exposure:time", above=0)
    sensitivity = (
        values.number("exposure:iso", above=0) / 100.0 * values.number("exposure:responsivity", above=0)
    )
    return float(sensitivity * shutter / values.number("exposure:fStop", above=0) ** 2 * 2.0**stops)


def _note_focus(values: Values, focal_length: float, f_stop: float, focus_distance: float) -> None:
    """Depth of field that nobody can have meant; `focal_length` [mm], `focus_distance` [m]."""
    if f_stop <= 0:
        return
    path = values.prim.GetPath()
    width = focal_length / 1000.0 / f_stop
    if focus_distance <= 0:
        what = f"has fStop {f_stop:g} and no focusDistance above 0, so its pictures are sharp throughout"
        values.context.finding("camera.focus", f"{path} {what}", path, "info")
    elif width > WIDEST_LENS:
        values.note(
            "camera.focus",
            f"has a lens {width:.3g} m wide (focalLength / fStop): focal lengths are tenths of a stage unit",
        )


def _pose_fault(values: Values) -> str:
    """What makes the camera's place in the world unusable, "" for nothing. A scale is only told.

    GfCamera keeps a scaled transform, but its frustum strips the scale; so do we, and say so.
    """
    from pxr import Tf, UsdGeom

    try:
        xform = UsdGeom.Xformable(values.prim).ComputeLocalToWorldTransform(values.context.time)
    except Tf.ErrorException:
        return "has a transform that makes no sense"
    linear = np.array(xform)[:3, :3]
    if not np.isfinite(np.array(xform)).all():
        return "has a transform that holds numbers that are not finite"
    lengths = np.linalg.norm(linear, axis=1)
    if np.abs(lengths - 1.0).max() > SCALE_TOLERANCE:
        shown = ", ".join(f"{length:g}" for length in lengths.tolist())
        values.context.finding(
            "camera.scale",
            f"{values.prim.GetPath()} has a scaled transform ({shown}); the scale changes where it stands, not its lens",
            values.prim.GetPath(),
            "info",
        )
    return ""
