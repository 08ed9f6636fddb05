"""One stage, a few views, every promise: the labels against Mitsuba's first hits. A row of the soak for each view."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from exactness import holes, invariants, ours
from exactness.authored import authored_eye
from exactness.casting import Cast, Piece, Soup, pieces_of
from exactness.eyes import Eye, facing, pinhole
from exactness.verdict import angle, inner
from twinstage.render.capture import Capture

AGREE = 0.999
"""Share of pixels on which labels and Mitsuba must agree, ties apart."""

TIE = 1e-6
"""Relative distance within which two surfaces are in the same place."""

DEPTH = 1e-6
"""Relative error that 99.9 % of depths must keep on real stages."""

UV = 1e-4
"""Of the largest texture coordinate: how far others may be off."""

NORMAL = 0.05
"""How far normals may be off [degrees]: both sides hold corners' normals in float32."""

VIEWS = {"front": (-60.0, 25.0, 1.0), "back": (125.0, 8.0, 0.9), "close": (20.0, 40.0, 0.6)}
"""Azimuth and elevation [degrees], and distance in units of what shows all; `close` looks at the middle of the crowd,
and once more through a fisheye of 200 degrees across."""


@dataclass
class View:
    """One picture of a stage judged. Pixels: `agree` + `ties` + `edges` + `leaks` + `wrong` = `pixels`.

    agree: same instance; ties: both instances lie within `TIE` there
    (`ties_against`: and the higher instance_id was taken); edges: silhouettes by the oracle's picture; leaks:
    Mitsuba slipped through between triangles, as float64 shows; wrong: everything else. `depth`: largest relative
    difference away from edges; `depth_999`: that of 99.9 % of them; `cut_out`: rays through holes; `tied`: ties that the
    labels count; `surface`: pixels whose material, part, uv and normal were compared; `surface_off`: that differ, but for
    places where two triangles coincide; `uv`, `normal`: differences that 99.9 % keep, of uv in units of the largest
    coordinate, of normals in degrees; `reprojected`: farthest that a labelled point lands from its pixel's centre [px].
    """

    view: str
    pixels: int
    covered: int
    instances: int
    agree: int = 0
    ties: int = 0
    ties_against: int = 0
    edges: int = 0
    leaks: int = 0
    wrong: int = 0
    depth: float = 0.0
    depth_999: float = 0.0
    reprojected: float = 0.0
    cut_out: int = 0
    tied: int = 0
    surface: int = 0
    surface_off: int = 0
    uv: float = 0.0
    normal: float = 0.0
    digest: str = ""
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def eyes(pieces: Sequence[Piece], width: int, height: int) -> dict[str, Eye]:
    """Cameras about all that is drawn, and one about the middle of the crowd; none where nothing is drawn."""
    if not pieces:
        return {}
    boxes = np.array([(piece.points.min(0), piece.points.max(0)) for piece in pieces])
    low, high = boxes[:, 0].min(0), boxes[:, 1].max(0)
    middles, radii = boxes.mean(1), np.linalg.norm(boxes[:, 1] - boxes[:, 0], axis=1) / 2
    crowd = np.median(middles, axis=0)
    reach = 1.5 * float(np.median(np.linalg.norm(middles - crowd, axis=1))) + float(np.median(radii))
    fov, out = np.radians(45.0), {}
    narrow = np.sin(np.arctan(np.tan(fov / 2) * height / width))
    for name, (azimuth, elevation, share) in VIEWS.items():
        near_by = name == "close"
        centre = crowd if near_by else (low + high) / 2
        radius = reach if near_by else float(np.linalg.norm(high - low)) / 2
        away = max(radius, 1e-6) / narrow * share
        a, e = np.radians(azimuth), np.radians(elevation)
        place = away * np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        eye = pinhole(width, height, fov, facing(place, (0, 0, 0), 0.0, centre))
        out[name] = replace(eye, near=away * 1e-3, far=away * 10)
        if near_by:
            f = width / np.radians(200.0)
            K = np.array([[f, 0, width / 2 + 0.3], [0, f, height / 2 - 0.2], [0, 0, 1.0]])
            out["fisheye"] = replace(
                out[name], K=K, kind="fisheye", coefficients=(0.02, -0.004, 0.001, -0.0001)
            )
    return out


def shots(
    path: Path, root: Path, size: tuple[int, int]
) -> Iterator[tuple[str, Any, Sequence[Piece], Eye, Capture]]:
    """Name, snapshot, what is drawn, eye and capture of each view of a stage; none where it draws nothing.

    The first camera of the stage is looked through, too: labels through the product's camera, the eye from pxr's own.
    """
    snapshot, stage = ours.opened(path, root)
    pieces = pieces_of(snapshot)
    for name, eye in eyes(pieces, *size).items():
        yield name, snapshot, pieces, eye, ours.labels(snapshot, eye)
    found = ours.authored(snapshot, *size) if pieces else None
    if found is not None:
        eye = authored_eye(stage, found[0], *size, snapshot.stage.up_axis)
        if eye is not None:
            yield "camera", snapshot, pieces, eye, ours.labels(snapshot, found[1])


def survey(path: Path, root: Path, size: tuple[int, int] = (320, 240)) -> list[View]:
    """All views of a stage; none where it draws nothing. Raises UserError where it does not open."""
    out = []
    for name, snapshot, pieces, eye, capture in shots(path, root, size):
        out.append(judge(snapshot, pieces, name, eye, capture))
        if len(out) == 1 and invariants.digest(ours.labels(snapshot, eye)) != out[0].digest:
            out[0].problems.append(f"{name}: the same labels, taken again, have other bytes")
    return out


def judge(snapshot: Any, pieces: Sequence[Piece], name: str, eye: Eye, capture: Any) -> View:
    """A capture against Mitsuba's first hits of the same triangles."""
    soup = Soup.of(pieces, np.linalg.inv(eye.pose))
    origin, direction = replace(eye, pose=np.eye(4)).rays(eye.grid())
    cast, holes_met = first_solid(snapshot, soup, origin, direction, eye.near)
    seen = cast.t <= eye.far
    theirs = np.where(seen, cast.owner, -1)
    mine = ours.instances(capture).ravel()
    still = inner(theirs.reshape(eye.height, eye.width)).ravel()
    out = View(name, len(theirs), int(seen.sum()), len(np.unique(theirs[theirs >= 0])), cut_out=holes_met)
    out.agree = int(np.count_nonzero(mine == theirs))
    _sort_out(
        out,
        snapshot,
        cast,
        np.where(seen, cast.t, np.inf),
        (origin, direction),
        mine,
        theirs,
        still,
        eye.near,
    )
    depth = capture.aovs["depth" if eye.along_axis else "range"].ravel()
    _depths(out, depth, cast, (origin, direction), (mine == theirs) & still & seen)
    out.tied = int(capture.ties)
    surfaces(out, pieces, capture, cast, direction, (mine == theirs) & still & seen)
    out.digest = invariants.digest(capture)
    if "position" in capture.aovs:
        out.reprojected = float(invariants.reprojection(capture, eye)[0].max(initial=0.0))
    out.problems += [f"{name}: {text}" for text in (*_faults(out), *invariants.broken(capture, eye))]
    return out


def surfaces(
    out: View,
    pieces: Sequence[Piece],
    capture: Any,
    cast: Cast,
    direction: np.ndarray,
    sure: np.ndarray,
) -> None:
    """Materials, parts, texture coordinates and normals where both saw the same instance, a little inside its triangles."""
    soup, aovs = cast.soup, capture.aovs
    at = np.flatnonzero(sure)
    corners = soup.points[soup.triangles[cast.triangle[at]]]
    weights = barycentric(corners, direction[at] * cast.t[at, None])
    at, corners, weights = (values[weights.min(1) > 1e-3] for values in (at, corners, weights))
    triangle = cast.triangle[at]
    wrong = aovs["material"].ravel()[at] - 1 != soup.material[triangle]
    wrong |= aovs["part"].ravel()[at] - 1 != soup.slot[triangle]
    facing = np.einsum(
        "ij,ij->i", np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), direction[at]
    )
    first = np.cumsum([0, *(len(piece.points) for piece in pieces)])
    uv, normal = np.zeros(len(at)), np.zeros(len(at))
    for k, piece in enumerate(pieces):
        mine = np.flatnonzero(soup.owner[triangle] == piece.owner)
        if not len(mine):
            continue
        own = soup.triangles[triangle[mine]] - first[k]
        pixel = at[mine]
        if piece.uv is not None:
            wanted = np.einsum("nk,nkj->nj", weights[mine], piece.uv[own].astype(np.float64))
            off = np.abs(aovs["uv"].reshape(-1, 2)[pixel] - wanted) / max(float(np.abs(piece.uv).max()), 1e-9)
            uv[mine] = np.nan_to_num(off, nan=np.inf).max(1)
        if piece.normals is not None:
            wanted = np.einsum("nk,nkj->nj", weights[mine], piece.normals[own])
            wanted /= np.linalg.norm(wanted, axis=1)[:, None]
            wanted[(facing[mine] > 0) != piece.mirrored] *= -1
            off = angle(aovs["normal"].reshape(-1, 3)[pixel].astype(np.float64), wanted)
            normal[mine] = np.nan_to_num(off, nan=np.inf)
    doubled = coincident(cast, direction, at[wrong | (uv > UV) | (normal > NORMAL)])
    fine = ~np.isin(at, doubled)
    uv, normal, wrong = uv[fine], normal[fine], wrong[fine]
    out.surface, out.surface_off = len(uv), int(np.count_nonzero(wrong | (uv > UV) | (normal > NORMAL)))
    if len(uv):
        out.uv, out.normal = float(np.quantile(uv, 0.999)), float(np.quantile(normal, 0.999))


def coincident(cast: Cast, direction: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Those of the rays (numbers) that meet a second triangle where they meet the first: either may be named."""
    if not len(rays):
        return rays
    kept = np.ones(len(cast.soup.triangles), bool)
    kept[cast.triangle[rays]] = False
    again = cast.soup.kept(kept).cast(np.zeros((len(rays), 3)), direction[rays], cast.t[rays] * (1 - 1e-5)).t
    return rays[np.isfinite(again) & (np.abs(again - cast.t[rays]) <= TIE * cast.t[rays])]


def _faults(view: View) -> list[str]:
    out = []
    fine = view.agree + view.ties + view.leaks
    if fine < AGREE * view.pixels:
        out.append(f"only {fine / view.pixels:.4%} of pixels agree")
    if view.wrong:
        out.append(f"{view.wrong} pixels differ away from silhouettes")
    if view.surface_off > (1 - AGREE) * view.surface:
        out.append(f"{view.surface_off} of {view.surface} pixels have another material, part, uv or normal")
    if view.ties_against:
        out.append(f"{view.ties_against} ties went to the higher instance_id")
    if view.depth_999 > DEPTH:
        out.append(f"depth differs by {view.depth_999:.2g}, relative, in a thousandth of all pixels")
    return out


def first_solid(
    snapshot: Any, soup: Soup, origin: np.ndarray, direction: np.ndarray, near: float
) -> tuple[Cast, int]:
    """First hits after the opacity rule, and how many rays went through a hole."""
    soup = soup.kept(~np.array([holes.gone(m) for m in snapshot.materials])[soup.material])
    cut = np.array([holes.pierced(m) for m in snapshot.materials])
    cast = soup.cast(origin, direction, near)
    passed = np.zeros(len(origin), bool)
    asked = np.arange(len(origin))
    for _ in range(64):
        asked = asked[cast.triangle[asked] >= 0]
        asked = asked[cut[soup.material[cast.triangle[asked]]]]
        asked = asked[~_solid(snapshot, cast, origin, direction, asked)]
        if not len(asked):
            break
        passed[asked] = True
        on = soup.cast(origin[asked], direction[asked], cast.t[asked] * (1 + 1e-5))
        triangle, t = cast.triangle.copy(), cast.t.copy()
        triangle[asked], t[asked] = on.triangle, on.t
        cast = Cast(soup, triangle, t)
    return cast, int(passed.sum())


def _solid(
    snapshot: Any, cast: Cast, origin: np.ndarray, direction: np.ndarray, rays: np.ndarray
) -> np.ndarray:
    """Whether there is a surface where those rays hit triangles with holes, bool[len(rays)]."""
    soup, triangle = cast.soup, cast.triangle[rays]
    corners = soup.triangles[triangle]
    weights = barycentric(soup.points[corners], origin[rays] + cast.t[rays, None] * direction[rays])
    uv = np.einsum("nk,nkj->nj", weights, soup.uv[corners].astype(np.float64))
    out = np.ones(len(rays), bool)
    for number in np.unique(soup.material[triangle]).tolist():
        mine = (soup.material[triangle] == number) & np.isfinite(uv).all(1)
        out[mine] = holes.solid(snapshot, snapshot.materials[number], uv[mine])
    return out


def barycentric(corners: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Weights f8[n, 3] of the corners f8[n, 3, 3] of triangles at points f8[n, 3] in their planes."""
    a, b, c = np.moveaxis(corners, 1, 0)
    e1, e2, p = b - a, c - a, at - a
    d11, d12, d22 = (np.einsum("ij,ij->i", x, y) for x, y in ((e1, e1), (e1, e2), (e2, e2)))
    p1, p2 = np.einsum("ij,ij->i", p, e1), np.einsum("ij,ij->i", p, e2)
    det = d11 * d22 - d12 * d12
    with np.errstate(divide="ignore", invalid="ignore"):
        v, w = (d22 * p1 - d12 * p2) / det, (d11 * p2 - d12 * p1) / det
    return np.stack([1 - v - w, v, w], -1)


def _sort_out(
    out: View,
    snapshot: Any,
    cast: Cast,
    t: np.ndarray,
    rays: tuple[np.ndarray, np.ndarray],
    mine: np.ndarray,
    theirs: np.ndarray,
    still: np.ndarray,
    near: float,
) -> None:
    """Say of each pixel that differs why: a tie, Mitsuba's leak, a silhouette, or nothing that excuses it."""
    differ = np.flatnonzero(mine != theirs)
    reached = np.full(len(differ), np.inf)
    for owner in np.unique(mine[differ]).tolist():
        if owner >= 0:
            here = mine[differ] == owner
            alone = cast.soup.kept(cast.soup.owner == owner)
            origin, direction = (values[differ[here]] for values in rays)
            reached[here] = first_solid(snapshot, alone, origin, direction, near)[0].t
    with np.errstate(invalid="ignore"):
        tie = np.isfinite(reached) & (np.abs(reached - t[differ]) <= TIE * t[differ])
        leak = reached < t[differ] * (1 - TIE)  # what is named here is hit alone, and nearer
    out.ties = int(tie.sum())
    # The rule: the lower object, then the lower row. Within a tenth of the tolerance's end nobody is sure.
    with np.errstate(invalid="ignore"):
        clear = tie & (np.abs(reached - t[differ]) <= 0.9 * TIE * t[differ])
    owner = np.append(snapshot.instances.object, -1).astype(np.int64)
    rank = np.where(owner >= 0, owner, len(owner)) * len(owner) + np.arange(len(owner))
    out.ties_against = int((clear & (rank[mine[differ]] > rank[theirs[differ]])).sum())
    out.leaks = int((leak & ~tie & still[differ]).sum())
    rest = ~tie & ~(leak & still[differ])
    out.edges = int((rest & ~still[differ]).sum())
    out.wrong = int((rest & still[differ]).sum())


def _depths(
    out: View, depth: np.ndarray, cast: Cast, rays: tuple[np.ndarray, np.ndarray], sure: np.ndarray
) -> None:
    """Depths where both see the same instance. Where they differ, all its triangles are asked in float64: if Mitsuba slipped
    through between two of them, that is a leak of its own."""
    at = np.flatnonzero(sure)
    if not len(at):
        return
    off = np.abs(depth[at].astype(np.float64) / cast.t[at] - 1)
    for k in np.flatnonzero(off > DEPTH)[:100].tolist():
        ray = int(at[k])
        alone = cast.soup.kept(cast.soup.owner == cast.owner[ray])
        t = nearest(alone, rays[0][ray], rays[1][ray])
        if abs(depth[ray] / t - 1) <= DEPTH:
            off[k] = 0.0
            out.leaks += 1
            out.agree -= 1
    out.depth, out.depth_999 = float(off.max()), float(np.quantile(off, 0.999))


def nearest(soup: Soup, origin: np.ndarray, direction: np.ndarray) -> float:
    """Least ray parameter above zero at which one ray meets any triangle (Moeller and Trumbore 1997), float64."""
    a, b, c = np.moveaxis(soup.points[soup.triangles], 1, 0)
    e1, e2, s = b - a, c - a, origin - a
    p, q = np.cross(direction, e2), np.cross(s, e1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1 / np.einsum("ij,ij->i", e1, p)
        u, v = np.einsum("ij,ij->i", s, p) * scale, q @ direction * scale
        t = np.einsum("ij,ij->i", e2, q) * scale
        hit = (np.minimum(np.minimum(u, v), 1 - u - v) >= -1e-9) & (t > 0)
    return float(t[hit].min(initial=np.inf))


def digests(path: Path, root: Path, size: tuple[int, int] = (320, 240)) -> dict[str, str]:
    """The bytes of all labels of each view, as a hash: what another process must repeat."""
    return {name: invariants.digest(capture) for name, _, _, _, capture in shots(path, root, size)}
