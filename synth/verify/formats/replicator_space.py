"""Distances and 3D boxes of a BasicWriter frame, taken through its camera."""

import numpy as np

from twinstage.synth.verify.formats.folder import Folder
from twinstage.synth.verify.formats.replicator_frame import Camera, Instances, Shot
from twinstage.synth.verify.formats.shapes import box_in_image
from twinstage.synth.verify.formats.values import shown
from twinstage.synth.verify.report import Judge


def _map(folder: Folder, shot: Shot, kind: str, judge: Judge) -> np.ndarray | None:
    if kind not in shot.files:
        return None
    name = shot.files[kind]
    with judge.guard("replicator.unreadable", name):
        values = folder.npy(name)
        values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
        if not judge.check(
            values.ndim == 2 and values.dtype.kind == "f",
            "replicator.dtype",
            name,
            f"is {values.dtype} {values.shape}",
        ):
            return None
        judge.check(
            not np.isnan(values).any() and not (values < 0).any(),
            "replicator.distance-value",
            name,
            f"{int(np.isnan(values).sum())} distances are NaN, {int((values < 0).sum())} below 0",
        )
        return np.asarray(values.astype(np.float64))
    return None


def check_distances(
    folder: Folder,
    shot: Shot,
    camera: Camera | None,
    instances: Instances | None,
    boxes: dict[str, np.void],
    judge: Judge,
) -> None:
    """Range against z of the same pixels; and each of them against the 3D boxes of the instances."""
    ranged = _map(folder, shot, "distance_to_camera", judge)
    plane = _map(folder, shot, "distance_to_image_plane", judge)
    if ranged is not None and plane is not None:
        _check_both(ranged, plane, camera, shot, judge)
    if camera is None:
        return
    for kind, values in (("distance_to_camera", ranged), ("distance_to_image_plane", plane)):
        if values is None:
            continue
        if not judge.check(
            values.shape == (camera.size[1], camera.size[0]),
            "replicator.image-size",
            shot.files[kind],
            f"{kind} is {values.shape[1]} x {values.shape[0]}, the camera {camera.size[0]} x {camera.size[1]}",
        ):
            continue
        if instances is not None and instances.ids.shape == values.shape:
            _check_in_boxes(kind, values, camera, instances, boxes, shot, judge)


def _check_both(
    ranged: np.ndarray, plane: np.ndarray, camera: Camera | None, shot: Shot, judge: Judge
) -> None:
    if not judge.check(
        ranged.shape == plane.shape,
        "replicator.image-size",
        shot.where,
        f"distances are {ranged.shape} and {plane.shape}",
    ):
        return
    known = np.isfinite(ranged) & np.isfinite(plane) & (plane > 0) & (ranged > 0)
    if known.sum() < 16:
        return
    ratio = ranged[known] / plane[known]
    text = ""
    if (ratio < 1 - 1e-3).mean() > 0.5:
        text = "the distance to the camera is below the one to the image plane: they are exchanged"
    elif float(ratio.max()) < 1 + 1e-6 and known.sum() > 64:
        text = "both are the same everywhere: one of them is the other under its name"
    elif camera is not None and camera.size == (ranged.shape[1], ranged.shape[0]):
        off = np.abs(ratio - camera.rays()[known])
        if float(np.median(off)) > 2e-3:
            text = f"their ratio is {float(np.median(off)):.4f} off what the camera's rays give"
    judge.check(not text, "replicator.distance", shot.where, text)


def _check_in_boxes(
    kind: str,
    values: np.ndarray,
    camera: Camera,
    instances: Instances,
    boxes: dict[str, np.void],
    shot: Shot,
    judge: Judge,
) -> None:
    width, height = camera.size
    x = (np.arange(width) + 0.5 - camera.K[0, 2]) / camera.K[0, 0]
    y = (np.arange(height) + 0.5 - camera.K[1, 2]) / camera.K[1, 1]
    X, Y = np.meshgrid(x, y)
    lengths = camera.rays()
    for path, mask in instances.by_path().items():
        if path not in boxes:
            continue
        chosen = mask & np.isfinite(values) & (values > 0)
        if chosen.sum() < 8:
            continue
        row = boxes[path]
        right = lengths[chosen] if kind == "distance_to_camera" else np.ones(int(chosen.sum()))
        wrong = np.ones(int(chosen.sum())) if kind == "distance_to_camera" else lengths[chosen]
        shares = []
        for divisor in (right, wrong):
            z = values[chosen] / divisor
            camera_points = np.stack([X[chosen] * z, -Y[chosen] * z, -z, np.ones(len(z))], -1)
            shares.append(_inside(camera_points @ np.linalg.inv(camera.view), row))
        confused = shares[1] > shares[0] + 0.2
        at = f"{shot.where} {path}"
        judge.check(
            not confused,
            "replicator.distance",
            at,
            f"{100 * shares[0]:.0f} % of its {kind} lie in its 3D box, {100 * shares[1]:.0f} % when read as "
            f"{'z' if kind == 'distance_to_camera' else 'range'}: range and z are confused",
        )
        judge.check(
            confused or shares[0] >= 0.5,
            "replicator.distance-outside-box",
            at,
            f"only {100 * shares[0]:.0f} % of its {kind} lie in its 3D box",
        )


def _inside(points: np.ndarray, row: np.void) -> float:
    low = np.array([float(row[k]) for k in ("x_min", "y_min", "z_min")])
    high = np.array([float(row[k]) for k in ("x_max", "y_max", "z_max")])
    transform = np.array(row["transform"], np.float64)
    if transform.shape != (4, 4) or abs(np.linalg.det(transform)) < 1e-30:
        return 1.0
    local = points @ np.linalg.inv(transform)
    slack = 0.01 * float((high - low).max()) + 1e-3 * np.abs(local[:, :3]).max()
    return float(((local[:, :3] >= low - slack) & (local[:, :3] <= high + slack)).all(1).mean())


def check_box_3d(
    row: np.void, tight: np.void | None, loose: np.void | None, camera: Camera | None, at: str, judge: Judge
) -> None:
    """The 3D box's transform, and its projection around the 2D boxes."""
    low = np.array([float(row[k]) for k in ("x_min", "y_min", "z_min")])
    high = np.array([float(row[k]) for k in ("x_max", "y_max", "z_max")])
    transform = np.array(row["transform"], np.float64)
    good = (
        transform.shape == (4, 4)
        and np.isfinite(transform).all()
        and np.allclose(transform[:, 3], [0, 0, 0, 1], atol=1e-5)
        and abs(np.linalg.det(transform)) > 1e-30
        and bool((low <= high).all())
    )
    if not judge.check(
        good,
        "replicator.3d-box-transform",
        at,
        f"last column {shown(transform[:, 3])} is not 0, 0, 0, 1 (row vectors), or min {shown(low)} above max {shown(high)}",
    ):
        return
    if camera is None:
        return
    bits = np.array([[(i >> 2) & 1, (i >> 1) & 1, i & 1] for i in range(8)], bool)
    corners = np.concatenate([np.where(bits, high, low), np.ones((8, 1))], 1)
    seen = (corners @ transform @ camera.view)[:, :3] * [1, -1, -1]
    box = box_in_image(camera.K, seen)
    for name, flat in (("tight", tight), ("loose", loose)):
        if flat is None:
            continue
        edges = np.array([float(flat[k]) for k in ("x_min", "y_min", "x_max", "y_max")])
        if box is None:
            judge.check(
                False,
                "replicator.3d-box-projection",
                at,
                f"has a {name} box, but its 3D box lies behind the camera",
            )
            continue
        limit = np.array([*camera.size], float)
        shown_box = np.concatenate([np.clip(box[:2], 0, limit), np.clip(box[2:], 0, limit)])
        edges = np.concatenate([np.clip(edges[:2], 0, limit), np.clip(edges[2:], 0, limit)])
        off = float(max((shown_box[:2] - edges[:2]).max(), (edges[2:] - shown_box[2:]).max()))
        judge.check(
            off <= 2.0,
            "replicator.3d-box-projection",
            at,
            f"its {name} box {shown(edges)} reaches {off:.1f} px out of the projected 3D box {shown(shown_box)}",
        )


def check_normals(folder: Folder, shot: Shot, judge: Judge) -> None:
    """Colour-coded normals, (n + 1) / 2 * 255, have length 1 where alpha or depth says there is a surface."""
    if "normals" not in shot.files:
        return
    with judge.guard("replicator.unreadable", shot.files["normals"]):
        pixels = folder.image(shot.files["normals"])
        if pixels.ndim != 3 or pixels.dtype != np.uint8:
            return
        normal = pixels[..., :3].astype(np.float64) / 127.5 - 1
        length = np.linalg.norm(normal, axis=-1)
        # Background is left at 0 (which decodes to length 1.73) or at the middle (0).
        surface = (pixels[..., :3] != 0).any(-1) & (length > 0.1)
        if surface.sum() >= 16:
            off = float(np.median(np.abs(length[surface] - 1)))
            judge.check(
                off <= 0.05,
                "replicator.normals",
                shot.files["normals"],
                f"normals are {1 + off:.2f} or {1 - off:.2f} long, not 1",
            )
