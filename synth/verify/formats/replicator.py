"""Replicator's BasicWriter: boxes, segmentations, distances and camera of one frame against each other.

Source: NVIDIA's annotator reference. Matrices are USD's (row vectors); `distance_to_camera` is a range,
`distance_to_image_plane` is z; `tight` is of visible pixels, `loose` of the whole silhouette.
"""

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from twinstage.synth.verify.formats.base import Format
from twinstage.synth.verify.formats.folder import Folder
from twinstage.synth.verify.formats.replicator_frame import (
    ARRAYS,
    PICTURES,
    Camera,
    Instances,
    Shot,
    read_camera,
    read_instances,
)
from twinstage.synth.verify.formats.replicator_space import check_box_3d, check_distances, check_normals
from twinstage.synth.verify.formats.values import box_of, shown
from twinstage.synth.verify.report import Judge

RULES = {
    "replicator.unreadable": "arrays, pictures and JSON files can be read",
    "replicator.missing-file": "every frame has the same kinds of files",
    "replicator.image-size": "pictures and arrays of a frame have one size",
    "replicator.dtype": "boxes have the fields of the BasicWriter",
    "replicator.camera": "camera_params hold a resolution, a projection and a rigid view, which agree",
    "replicator.label-unknown": "every semanticId is in the labels file",
    "replicator.prim-paths": "there is one prim path a box",
    "replicator.box-order": "x_min <= x_max and y_min <= y_max, inside the image for tight boxes",
    "replicator.tight-vs-instance": "a tight box surrounds its instance's pixels",
    "replicator.tight-in-loose": "tight boxes lie inside of loose ones",
    "replicator.invisible-box": "a tight box belongs to an instance that has pixels",
    "replicator.unboxed-instance": "an instance with pixels has a tight box",
    "replicator.instance-unlabelled": "every colour of the segmentation is in its mapping",
    "replicator.semantic-vs-instance": "the pixels of an instance are of one semantic class",
    "replicator.occlusion-ratio": "occlusionRatio lies between 0 and 1 and is possible for the visible pixels and boxes",
    "replicator.distance": "distance_to_camera is the range and distance_to_image_plane is z, not exchanged or the same",
    "replicator.distance-value": "distances are above 0 and no NaN",
    "replicator.distance-outside-box": "distances at an instance's pixels lie in its 3D box",
    "replicator.3d-box-transform": "the transform of a 3D box is affine, for row vectors, and invertible",
    "replicator.3d-box-projection": "2D boxes lie inside of the projected 3D box",
    "replicator.normals": "normals have length 1 where there is a surface",
    "replicator.duplicate": "no prim has two boxes in a frame",
}

_NAME = re.compile(
    r"^(?P<kind>[a-z0-9_]+?)_(?P<part>labels_|prim_paths_|mapping_|semantics_mapping_)?(?P<n>\d{4,})\.(?P<e>\w+)$"
)


def shots(folder: Folder) -> list[Shot]:
    """Files by product and frame. A product is a folder; annotators may have one each inside of it."""
    out: dict[tuple[str, str], dict[str, str]] = {}
    for name in folder.names():
        path = PurePosixPath(name)
        match = _NAME.match(path.name)
        if match is None or len(path.parts) > 4 or match["kind"] not in (*ARRAYS, *PICTURES, "camera_params"):
            continue
        at = path.parent
        if at.name in (*ARRAYS, *PICTURES, "camera_params"):
            at = at.parent
        key = f"{match['kind']}{'/' + match['part'].rstrip('_') if match['part'] else ''}"
        out.setdefault((at.as_posix(), match["n"]), {})[key] = name
    return [Shot(at, number, files) for (at, number), files in sorted(out.items())]


def detect(folder: Folder) -> bool:
    """Whether there are arrays or mappings that only the BasicWriter names so."""
    if folder.only:
        return False
    places = [
        ".",
        *folder.folders(),
        *(f"{f}/{g}" for f in folder.folders()[:50] for g in folder.folders(f)[:50]),
    ]
    for place in places:
        for name in folder.files_in(place, ".npy", ".json"):
            match = _NAME.match(name)
            if match and match["kind"] in (
                *ARRAYS,
                "camera_params",
                "instance_segmentation",
                "semantic_segmentation",
            ):
                return True
    return False


def check(folder: Folder, judge: Judge) -> None:
    """All frames."""
    found = shots(folder)
    if not judge.check(
        found, "replicator.unreadable", folder.root.name, "there are no files of the BasicWriter"
    ):
        return
    counts = Counter((shot.folder, kind) for shot in found for kind in shot.files)
    frames = Counter(shot.folder for shot in found)
    votes: Counter[int] = Counter()
    for shot in found:
        kinds = sorted(kind for at, kind in counts if at == shot.folder and counts[at, kind] * 2 > frames[at])
        for kind in kinds:
            judge.check(
                kind in shot.files,
                "replicator.missing-file",
                shot.where,
                f"has no {kind} file, other frames do",
            )
        with judge.guard("replicator.unreadable", shot.where):
            _check_shot(folder, shot, votes, judge)


def _check_shot(folder: Folder, shot: Shot, votes: Counter[int], judge: Judge) -> None:
    camera = None
    if "camera_params" in shot.files:
        with judge.guard("replicator.camera", shot.files["camera_params"]):
            camera = read_camera(folder, shot.files["camera_params"], judge)
    size = _check_sizes(folder, shot, camera, judge)
    instances = None
    with judge.guard("replicator.unreadable", shot.where):
        instances = read_instances(folder, shot, "instance_segmentation", judge)
    semantic = None
    with judge.guard("replicator.unreadable", shot.where):
        semantic = read_instances(folder, shot, "semantic_segmentation", judge)
    if instances is not None and semantic is not None:
        _check_semantic(instances, semantic, shot.where, judge)
    tables: dict[str, dict[str, np.void]] = {}
    for kind in ("bounding_box_2d_tight", "bounding_box_2d_loose", "bounding_box_3d"):
        if kind in shot.files:
            with judge.guard("replicator.unreadable", shot.files[kind]):
                tables[kind] = _table(folder, shot, kind, judge)
    tight, loose = tables.get("bounding_box_2d_tight", {}), tables.get("bounding_box_2d_loose", {})
    for path, row in tight.items():
        _check_row(row, size, True, f"{shot.where} {path}", judge)
        if path in loose:
            _check_nested(row, loose[path], size, f"{shot.where} {path}", judge)
    for path, row in loose.items():
        _check_row(row, size, False, f"{shot.where} {path}", judge)
    if instances is not None and "bounding_box_2d_tight" in tables:
        _check_tight(instances, tight, loose, votes, shot.where, judge)
    for path, row in tables.get("bounding_box_3d", {}).items():
        check_box_3d(row, tight.get(path), loose.get(path), camera, f"{shot.where} {path}", judge)
    check_distances(folder, shot, camera, instances, tables.get("bounding_box_3d", {}), judge)
    check_normals(folder, shot, judge)


def _check_sizes(folder: Folder, shot: Shot, camera: Camera | None, judge: Judge) -> tuple[int, int] | None:
    sizes: dict[str, tuple[int, int]] = {} if camera is None else {"camera_params": camera.size}
    for kind in PICTURES:
        if kind in shot.files:
            with judge.guard("replicator.unreadable", shot.files[kind]):
                sizes[kind] = folder.image_size(shot.files[kind])
    size = next(iter(sizes.values()), None)
    for kind, found in sizes.items():
        judge.check(
            found == size,
            "replicator.image-size",
            shot.where,
            f"{kind} is {found[0]} x {found[1]}, other files {size}",
        )
    return size


def _table(folder: Folder, shot: Shot, kind: str, judge: Judge) -> dict[str, np.void]:
    """Boxes by prim path (by row number where there are no paths)."""
    where = shot.files[kind]
    rows = folder.npy(where)
    wanted: tuple[str, ...] = ("x_min", "y_min", "x_max", "y_max", "semanticId")
    wanted += ("z_min", "z_max", "transform") if kind == "bounding_box_3d" else ("occlusionRatio",)
    names = rows.dtype.names or ()
    lacking = [n for n in wanted if n not in names]
    if not judge.check(
        rows.ndim == 1 and not lacking,
        "replicator.dtype",
        where,
        f"{rows.dtype.names} of shape {rows.shape}: lacks {lacking}",
    ):
        return {}
    if f"{kind}/labels" in shot.files:
        with judge.guard("replicator.unreadable", shot.files[f"{kind}/labels"]):
            known = set(folder.json(shot.files[f"{kind}/labels"]))
            for index, row in enumerate(rows):
                number = str(int(row["semanticId"]))
                judge.check(
                    number in known,
                    "replicator.label-unknown",
                    f"{where} row {index}",
                    f"semanticId {number} is not in the labels",
                )
    paths: list[Any] = [f"row {i}" for i in range(len(rows))]
    if f"{kind}/prim_paths" in shot.files:
        with judge.guard("replicator.unreadable", shot.files[f"{kind}/prim_paths"]):
            listed = folder.json(shot.files[f"{kind}/prim_paths"])
            if judge.check(
                isinstance(listed, list) and len(listed) == len(rows),
                "replicator.prim-paths",
                where,
                f"{len(rows)} boxes, {len(listed) if isinstance(listed, list) else 0} prim paths",
            ):
                paths = [str(p) for p in listed]
    for path, count in Counter(paths).items():
        judge.check(count == 1, "replicator.duplicate", where, f"{path} has {count} boxes")
    return dict(zip(paths, rows, strict=True))


def _corners(row: np.void) -> list[int]:
    return [int(row[k]) for k in ("x_min", "y_min", "x_max", "y_max")]


def _check_row(row: np.void, size: tuple[int, int] | None, tight: bool, where: str, judge: Judge) -> None:
    box = _corners(row)
    inside = size is None or not tight or (min(box[:2]) >= 0 and box[2] <= size[0] and box[3] <= size[1])
    judge.check(
        box[0] <= box[2] and box[1] <= box[3] and inside,
        "replicator.box-order",
        where,
        f"the {'tight' if tight else 'loose'} box {box} is not ordered, or leaves the image of {size}",
    )
    ratio = float(row["occlusionRatio"])
    judge.check(
        0 <= ratio <= 1,
        "replicator.occlusion-ratio",
        where,
        f"occlusionRatio is {ratio:g}, not between 0 and 1",
    )


def _check_nested(
    tight: np.void, loose: np.void, size: tuple[int, int] | None, where: str, judge: Judge
) -> None:
    a, b = _corners(tight), _corners(loose)
    judge.check(
        b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3],
        "replicator.tight-in-loose",
        where,
        f"the tight box {a} reaches out of the loose box {b}",
    )
    one, other = float(tight["occlusionRatio"]), float(loose["occlusionRatio"])
    judge.check(
        abs(one - other) <= 1e-4 or not 0 <= one <= 1,
        "replicator.occlusion-ratio",
        where,
        f"occlusionRatio is {one:.4f} in the tight and {other:.4f} in the loose table",
    )


def _check_tight(
    instances: Instances,
    tight: dict[str, np.void],
    loose: dict[str, np.void],
    votes: Counter[int],
    where: str,
    judge: Judge,
) -> None:
    masks = instances.by_path()
    for path, mask in masks.items():
        judge.check(
            path in tight or (not any(p.startswith("/") for p in tight) and tight),
            "replicator.unboxed-instance",
            f"{where} {path}",
            f"{int(mask.sum())} pixels of the instance segmentation, and no tight box",
        )
    size = instances.size
    for path, row in tight.items():
        at = f"{where} {path}"
        box = _corners(row)
        if path not in masks:
            judge.check(
                not path.startswith("/"),
                "replicator.invisible-box",
                at,
                f"its tight box is {box}, but no pixel is its own",
            )
            continue
        mask = masks[path]
        ends = box_of(mask)
        assert ends is not None  # instances without pixels are left out
        # Both ways to count the last pixel occur; one dataset has one of them.
        last = min((0, 1), key=lambda k: abs(box[2] - ends[2] - k) + abs(box[3] - ends[3] - k))
        off = max(
            abs(box[0] - ends[0]),
            abs(box[1] - ends[1]),
            abs(box[2] - ends[2] - last),
            abs(box[3] - ends[3] - last),
        )
        if off == 0:
            votes[last] += 1
        mixed = off == 0 and votes[1 - last] > votes[last]
        judge.check(
            off == 0 and not mixed,
            "replicator.tight-vs-instance",
            at,
            f"the tight box is {box}, its {int(mask.sum())} pixels give {shown(ends)}: {off} px off"
            + (" (the last pixel is counted in other frames' way)" if mixed else ""),
        )
        _check_occlusion(row, loose.get(path), mask, size, at, judge)


def _check_occlusion(
    row: np.void, loose: np.void | None, mask: np.ndarray, size: tuple[int, int], at: str, judge: Judge
) -> None:
    ratio, seen = float(row["occlusionRatio"]), int(mask.sum())
    judge.check(
        ratio < 1,
        "replicator.occlusion-ratio",
        at,
        f"occlusionRatio is 1 (nothing to see), but {seen} pixels are visible",
    )
    if loose is None or not 0 <= ratio < 1:
        return
    a, b = _corners(row), _corners(loose)
    room = float((b[2] - b[0] + 1) * (b[3] - b[1] + 1))
    whole = seen / (1 - ratio)
    judge.check(
        whole <= room + 0.5 / (1 - ratio),
        "replicator.occlusion-ratio",
        at,
        f"{seen} visible pixels at occlusionRatio {ratio:.4f} make {whole:.0f} in all, its loose box has {room:.0f}",
    )
    clipped = [max(b[0], 0), max(b[1], 0), min(b[2], size[0]), min(b[3], size[1])]
    smaller = max(a[0] - clipped[0], a[1] - clipped[1], clipped[2] - a[2], clipped[3] - a[3])
    judge.check(
        ratio > 0 or smaller <= 1,
        "replicator.occlusion-ratio",
        at,
        f"occlusionRatio is 0, but the tight box {a} is {smaller} px smaller than the loose box {clipped}",
    )


def _check_semantic(instances: Instances, semantic: Instances, where: str, judge: Judge) -> None:
    if instances.size != semantic.size:
        return
    for path, mask in instances.by_path().items():
        under, counts = np.unique(semantic.ids[mask], return_counts=True)
        judge.check(
            len(under) == 1,
            "replicator.semantic-vs-instance",
            f"{where} {path}",
            f"its pixels are of {len(under)} semantic classes ({counts.tolist()[:4]} pixels)",
        )


REPLICATOR = Format("replicator", "Replicator's BasicWriter", RULES, detect, check)
