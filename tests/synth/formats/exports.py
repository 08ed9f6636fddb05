"""Writes shots in each format by the format's definition: good datasets for the judge to confirm and for tests to damage.

Written from labels.md, apart from the product's writers.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.synth.formats import shots
from tests.synth.formats.shots import HEIGHT, WIDTH, Shot, box_of


def dump(path: Path, data: Any) -> None:
    """JSON, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))


def save(path: Path, pixels: np.ndarray) -> None:
    """PNG, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


# --- COCO ---------------------------------------------------------------------------------------------------------


def runs(mask: np.ndarray) -> list[int]:
    """Uncompressed run lengths, column by column, zeros first."""
    flat = mask.T.ravel().astype(np.int8)
    ends = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
    return [0, *counts] if flat[0] else counts


def compressed(counts: list[int]) -> str:
    """COCO's text of run lengths: five bits a character, from the fourth on differences to the second before."""
    out = []
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != -1 if bits & 16 else value != 0
            out.append(chr((bits | 32 if more else bits) + 48))
    return "".join(out)


def rle(mask: np.ndarray) -> dict[str, Any]:
    """Compressed run lengths of a mask."""
    return {"size": [HEIGHT, WIDTH], "counts": compressed(runs(mask))}


def rings(mask: np.ndarray) -> list[list[float]]:
    """Outer outlines along pixel edges, one a row run: exact, without any tracing (each run is a rectangle)."""
    out = []
    for y in np.flatnonzero(mask.any(1)):
        row = np.concatenate([[0], mask[y].astype(np.int8), [0]])
        starts, ends = np.flatnonzero(np.diff(row) == 1), np.flatnonzero(np.diff(row) == -1)
        out += [
            [float(v) for v in (a, y, b, y, b, y + 1, a, y + 1)] for a, b in zip(starts, ends, strict=True)
        ]
    return out


def write_coco(root: Path, made: list[Shot], polygons: bool = False) -> None:
    """images/, annotations/instances.json, annotations/panoptic.json and annotations/panoptic/."""
    categories: list[dict[str, Any]] = [
        {"id": i, "name": name, "supercategory": "thing"} for i, name in enumerate(shots.CLASSES, start=1)
    ]
    categories[0] |= {
        "keypoints": list(shots.KEYPOINTS),
        "skeleton": [[1, 2], [1, 3]],
        "sigmas": list(shots.SIGMAS),
    }
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": categories}
    panoptic: dict[str, Any] = {"images": [], "annotations": [], "categories": categories}
    for n, shot in enumerate(made, start=1):
        name = f"{n:06d}.png"
        save(root / "images" / name, shot.rgb)
        image = {"id": n, "file_name": name, "width": WIDTH, "height": HEIGHT}
        document["images"].append(image)
        panoptic["images"].append(image)
        colours = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        segments = []
        for i, thing in enumerate(shot.things):
            x0, y0, x1, y1 = box_of(thing.visible)
            count, inside = int(thing.visible.sum()), int(thing.amodal.sum())
            box = [x0, y0, x1 - x0 + 1, y1 - y0 + 1]
            ax0, ay0, ax1, ay1 = box_of(thing.amodal)
            entry = {
                "id": len(document["annotations"]) + 1,
                "image_id": n,
                "category_id": thing.model + 1,
                "bbox": box,
                "area": count,
                "segmentation": rings(thing.visible) if polygons else rle(thing.visible),
                "iscrowd": 0,
                "visibility": count / thing.total,
                "occlusion": 1 - count / inside,
                "truncation": 1 - inside / thing.total,
                "bbox_amodal": [ax0, ay0, ax1 - ax0 + 1, ay1 - ay0 + 1],
            }
            if thing.keypoints:
                entry["keypoints"] = [v for point in thing.keypoints for v in point]
                entry["num_keypoints"] = sum(v > 0 for _, _, v in thing.keypoints)
            document["annotations"].append(entry)
            number = 7 + 300 * i
            colours[thing.visible] = (number % 256, number // 256, 0)
            segments.append(
                {"id": number, "category_id": thing.model + 1, "area": count, "bbox": box, "iscrowd": 0}
            )
        save(root / "annotations/panoptic" / name, colours)
        panoptic["annotations"].append({"image_id": n, "file_name": name, "segments_info": segments})
    dump(root / "annotations/instances.json", document)
    dump(root / "annotations/panoptic.json", panoptic)


# --- BOP ----------------------------------------------------------------------------------------------------------


def write_ply(path: Path, vertices: np.ndarray, triangles: np.ndarray) -> None:
    """Binary little-endian PLY."""
    head = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    faces = np.zeros(len(triangles), [("n", "u1"), ("v", "<i4", 3)])
    faces["n"], faces["v"] = 3, triangles
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode() + vertices.astype("<f4").tobytes() + faces.tobytes())


def write_bop(root: Path, made: list[Shot]) -> None:
    """camera.json, models/ and train_pbr/000000/."""
    info = {}
    for i, model in enumerate(shots.models(), start=1):
        v = model.vertices * 1000
        write_ply(root / f"models/obj_{i:06d}.ply", v, model.triangles)
        low, size = v.min(0), np.ptp(v, axis=0)
        far = max(float(np.linalg.norm(a - b)) for a in v for b in v)
        info[str(i)] = {
            "diameter": far,
            **{f"min_{a}": float(low[k]) for k, a in enumerate("xyz")},
            **{f"size_{a}": float(size[k]) for k, a in enumerate("xyz")},
        }
    dump(root / "models/models_info.json", info)
    scene = root / "train_pbr/000000"
    cameras, poses, infos = {}, {}, {}
    for n, shot in enumerate(made):
        save(scene / f"rgb/{n:06d}.png", shot.rgb)
        depth = np.where(np.isfinite(shot.depth), shot.depth * 10000, 0).round().astype(np.uint16)
        save(scene / f"depth/{n:06d}.png", depth)
        K = shot.K.copy()
        K[:2, 2] -= 0.5
        cameras[str(n)] = {"cam_K": K.ravel().tolist(), "depth_scale": 0.1}
        poses[str(n)], infos[str(n)] = [], []
        for i, thing in enumerate(shot.things):
            save(scene / f"mask/{n:06d}_{i:06d}.png", thing.amodal.astype(np.uint8) * 255)
            save(scene / f"mask_visib/{n:06d}_{i:06d}.png", thing.visible.astype(np.uint8) * 255)
            poses[str(n)].append(
                {
                    "obj_id": thing.model + 1,
                    "cam_R_m2c": thing.R.ravel().tolist(),
                    "cam_t_m2c": (thing.t * 1000).tolist(),
                }
            )
            x0, y0, x1, y1 = thing.full_box
            vx0, vy0, vx1, vy1 = box_of(thing.visible)
            seen = int(thing.visible.sum())
            infos[str(n)].append(
                {
                    "bbox_obj": [x0, y0, x1 - x0, y1 - y0],
                    "bbox_visib": [vx0, vy0, vx1 - vx0, vy1 - vy0],
                    "px_count_all": thing.total,
                    "px_count_valid": int((depth[thing.amodal] > 0).sum()),
                    "px_count_visib": seen,
                    "visib_fract": seen / thing.total,
                }
            )
    dump(
        root / "camera.json",
        {"fx": 90, "fy": 90, "cx": 50.5, "cy": 33.5, "width": WIDTH, "height": HEIGHT, "depth_scale": 0.1},
    )
    for name, data in (("scene_camera", cameras), ("scene_gt", poses), ("scene_gt_info", infos)):
        dump(scene / f"{name}.json", data)


# --- KITTI --------------------------------------------------------------------------------------------------------


def level(visible: float) -> int:
    """KITTI's occluded, by the thresholds that our documentation publishes."""
    return 0 if visible >= 0.95 else 1 if visible >= 0.5 else 2


def write_kitti(root: Path, made: list[Shot]) -> None:
    """training/{image_2, label_2, calib, depth, velodyne}."""
    at = root / "training"
    for folder in ("label_2", "calib", "velodyne"):
        (at / folder).mkdir(parents=True, exist_ok=True)
    for n, shot in enumerate(made):
        save(at / f"image_2/{n:06d}.png", shot.rgb)
        depth = np.where(np.isfinite(shot.depth), shot.depth * 256, 0).round().astype(np.uint16)
        save(at / f"depth/{n:06d}.png", depth)
        P = np.concatenate([shot.K, np.zeros((3, 1))], 1).ravel()
        # Velodyne axes: x forward, y left, z up.
        turn = "0 -1 0 0 0 0 -1 0 1 0 0 0"
        text = "".join(f"P{i}: {' '.join(f'{v:.6e}' for v in P)}\n" for i in range(4))
        text += (
            "R0_rect: 1 0 0 0 1 0 0 0 1\n"
            + f"Tr_velo_to_cam: {turn}\nTr_imu_to_velo: 1 0 0 0 0 1 0 0 0 0 1 0\n"
        )
        (at / f"calib/{n:06d}.txt").write_text(text)
        rows = []
        for thing in shot.things:
            size = np.ptp(shots.models()[thing.model].vertices, axis=0)
            x, y, z = thing.t + np.array([0, size[1] / 2, 0])
            x0, y0, x1, y1 = box_of(thing.visible)
            inside = int(thing.amodal.sum())
            alpha = (thing.yaw - math.atan2(x, z) + math.pi) % (2 * math.pi) - math.pi
            rows.append(
                f"{shots.CLASSES[thing.model]} {1 - inside / thing.total:.2f} "
                f"{level(thing.visible.sum() / inside)} {alpha:.4f} "
                f"{x0:.2f} {y0:.2f} {x1 + 1:.2f} {y1 + 1:.2f} {size[1]:.4f} {size[2]:.4f} {size[0]:.4f} "
                f"{x:.4f} {y:.4f} {z:.4f} {thing.yaw:.4f}"
            )
        (at / f"label_2/{n:06d}.txt").write_text("\n".join(rows) + "\n")
        ys, xs = np.nonzero(np.isfinite(shot.depth))
        rays = np.stack([xs + 0.5, ys + 0.5, np.ones(len(xs))], -1) @ np.linalg.inv(shot.K).T
        p = rays * shot.depth[ys, xs][:, None]
        scan = np.stack([p[:, 2], -p[:, 0], -p[:, 1], np.full(len(p), 0.5)], -1).astype("<f4")
        (at / f"velodyne/{n:06d}.bin").write_bytes(scan.tobytes())


# --- YOLO ---------------------------------------------------------------------------------------------------------


def write_yolo(root: Path, made: list[Shot], task: str = "detect") -> None:
    """data.yaml, images/{train,val}, labels/{train,val}."""
    extra = "kpt_shape: [3, 3]\nflip_idx: [1, 0, 2]\n" if task == "pose" else ""
    text = "path: .\ntrain: images/train\nval: images/val\nnames:\n" + "".join(
        f"  {i}: {name}\n" for i, name in enumerate(shots.CLASSES)
    )
    root.mkdir(parents=True, exist_ok=True)
    (root / "data.yaml").write_text(text + extra)
    for n, shot in enumerate(made):
        split = "val" if n == len(made) - 1 else "train"
        save(root / f"images/{split}/{n:06d}.png", shot.rgb)
        (root / f"labels/{split}").mkdir(parents=True, exist_ok=True)
        rows = [yolo_row(thing, task) for thing in shot.things if task != "pose" or thing.keypoints]
        (root / f"labels/{split}/{n:06d}.txt").write_text("".join(rows))


def yolo_row(thing: shots.Thing, task: str) -> str:
    """One row of a task."""
    x0, y0, x1, y1 = box_of(thing.visible)
    x1, y1 = x1 + 1, y1 + 1
    values = [(x0 + x1) / 2 / WIDTH, (y0 + y1) / 2 / HEIGHT, (x1 - x0) / WIDTH, (y1 - y0) / HEIGHT]
    if task == "pose":
        for x, y, v in thing.keypoints:
            values += [x / WIDTH, y / HEIGHT, v]
    if task in ("segment", "obb"):
        ring = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        if task == "segment":
            ring.insert(1, ((x0 + x1) / 2, y0))
        values = [v for x, y in ring for v in (x / WIDTH, y / HEIGHT)]
    return (
        f"{thing.model} "
        + " ".join(f"{v:.6f}" if v != int(v) or v in (0, 1) else f"{v:.0f}" for v in values)
        + "\n"
    )


# --- Replicator ---------------------------------------------------------------------------------------------------

FLAT = [
    ("semanticId", "<u4"),
    ("x_min", "<i4"),
    ("y_min", "<i4"),
    ("x_max", "<i4"),
    ("y_max", "<i4"),
    ("occlusionRatio", "<f4"),
]
SOLID = [
    ("semanticId", "<u4"),
    *((f"{a}_{e}", "<f4") for e in ("min", "max") for a in "xyz"),
    ("transform", "<f4", (4, 4)),
    ("occlusionRatio", "<f4"),
]


def write_replicator(root: Path, made: list[Shot]) -> None:
    """The BasicWriter's flat folder, in centimetres, with a camera that is not at the origin."""
    root.mkdir(parents=True, exist_ok=True)
    angle = 0.3
    turn = np.array(
        [[math.cos(angle), 0, -math.sin(angle)], [0, 1, 0], [math.sin(angle), 0, math.cos(angle)]]
    )
    view = np.eye(4)
    view[:3, :3] = turn
    view[3, :3] = (10, -20, 30)
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    for n, shot in enumerate(made):
        P = np.zeros((4, 4))
        P[0, 0], P[1, 1] = 2 * shot.K[0, 0] / WIDTH, 2 * shot.K[1, 1] / HEIGHT
        P[2, 0], P[2, 1] = 1 - 2 * shot.K[0, 2] / WIDTH, 2 * shot.K[1, 2] / HEIGHT - 1
        P[2, 3], P[3, 2] = -1, 1
        camera = {
            "cameraAperture": [20.955, 20.955 * HEIGHT / WIDTH],
            "cameraFocalLength": shot.K[0, 0] / WIDTH * 20.955,
            "cameraModel": "pinhole",
            "cameraProjection": P.ravel().tolist(),
            "cameraViewTransform": view.ravel().tolist(),
            "metersPerSceneUnit": 0.01,
            "renderProductResolution": [WIDTH, HEIGHT],
        }
        dump(root / f"camera_params_{n:04d}.json", camera)
        save(root / f"rgb_{n:04d}.png", shot.rgb)
        rays = np.linalg.norm(shots._rays(shot.K, 0, 0, WIDTH, HEIGHT), axis=1).reshape(HEIGHT, WIDTH)
        np.save(root / f"distance_to_image_plane_{n:04d}.npy", (100 * shot.depth).astype(np.float32))
        np.save(root / f"distance_to_camera_{n:04d}.npy", (100 * shot.depth * rays).astype(np.float32))
        instance, semantic = np.zeros((HEIGHT, WIDTH, 4), np.uint8), np.zeros((HEIGHT, WIDTH, 4), np.uint8)
        mapping: dict[str, Any] = {"(0, 0, 0, 0)": "BACKGROUND"}
        classes: dict[str, Any] = {"(0, 0, 0, 0)": {"class": "BACKGROUND"}}
        tight, loose, solid, paths = [], [], [], []
        for i, thing in enumerate(shot.things):
            path = f"/World/Thing_{i}"
            colour, kind = (40 * i + 20, 200 - 30 * i, 90, 255), (10 + 100 * thing.model, 50, 60, 255)
            instance[thing.visible], semantic[thing.visible] = colour, kind
            mapping[str(colour)] = path
            classes[str(kind)] = {"class": shots.CLASSES[thing.model]}
            occluded = 1 - thing.visible.sum() / thing.amodal.sum()
            x0, y0, x1, y1 = box_of(thing.visible)
            tight.append((thing.model, x0, y0, x1, y1, occluded))
            lx0, ly0, lx1, ly1 = box_of(thing.amodal)
            loose.append((thing.model, lx0, ly0, lx1, ly1, occluded))
            v = shots.models()[thing.model].vertices * 100
            pose = np.eye(4)
            pose[:3, :3], pose[3, :3] = thing.R.T, thing.t * 100
            world = pose @ flip @ np.linalg.inv(view)
            solid.append((thing.model, *v.min(0), *v.max(0), world, occluded))
            paths.append(path)
        save(root / f"instance_segmentation_{n:04d}.png", instance)
        save(root / f"semantic_segmentation_{n:04d}.png", semantic)
        dump(root / f"instance_segmentation_mapping_{n:04d}.json", mapping)
        dump(root / f"semantic_segmentation_labels_{n:04d}.json", classes)
        names = {str(i): {"class": c} for i, c in enumerate(shots.CLASSES)}
        for kind_, rows, dtype in (
            ("bounding_box_2d_tight", tight, FLAT),
            ("bounding_box_2d_loose", loose, FLAT),
            ("bounding_box_3d", solid, SOLID),
        ):
            np.save(root / f"{kind_}_{n:04d}.npy", np.array(rows, np.dtype(dtype)))
            dump(root / f"{kind_}_labels_{n:04d}.json", names)
            dump(root / f"{kind_}_prim_paths_{n:04d}.json", paths)


# --- BlenderProc --------------------------------------------------------------------------------------------------


def write_blenderproc(root: Path, made: list[Shot]) -> None:
    """One container an image."""
    for n, shot in enumerate(made):
        rays = np.linalg.norm(shots._rays(shot.K, 0, 0, WIDTH, HEIGHT), axis=1).reshape(HEIGHT, WIDTH)
        known = np.isfinite(shot.depth)
        classes = np.zeros((HEIGHT, WIDTH), np.uint8)
        for thing in shot.things:
            classes[thing.visible] = thing.model + 1
        attributes = [{"idx": 0, "name": "background", "category_id": 0}] + [
            {"idx": i, "name": f"{shots.CLASSES[t.model]}.{i:03d}", "category_id": t.model + 1}
            for i, t in enumerate(shot.things, start=1)
        ]
        write_container(
            root / f"{n}.hdf5",
            {
                "colors": shot.rgb,
                "depth": np.where(known, shot.depth, 1e10).astype(np.float32),
                "distance": np.where(known, shot.depth * rays, 1e10).astype(np.float32),
                "instance_segmaps": (shot.index + 1).astype(np.uint8),
                "class_segmaps": classes,
                "instance_attribute_maps": attributes,
            },
        )


def write_container(path: Path, maps: dict[str, Any]) -> None:
    """An .hdf5 file of maps; attributes as JSON."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for key, value in maps.items():
            if key == "instance_attribute_maps":
                value = np.bytes_(json.dumps(value))
            file.create_dataset(key, data=value)


WRITERS = {
    "coco": write_coco,
    "bop": write_bop,
    "kitti": write_kitti,
    "yolo": write_yolo,
    "replicator": write_replicator,
    "blenderproc": write_blenderproc,
}
