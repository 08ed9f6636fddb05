"""Point clouds as files. Touches files; Open3D writes PCD and PLY.

PCD and PLY hold every column, KITTI's .bin float32 (x, y, z, intensity), and SemanticKITTI's .label u4: the class id in
the lower 16 bits, the instance_id in the upper 16 (ids above 65,535 do not fit and are an error).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from twinstage.base.errors import UserError

_O3D_NAMES = {"xyz": "positions", "normal": "normals"}


def save_cloud(columns: Mapping[str, np.ndarray], path: Path) -> list[Path]:
    """Write a lidar's columns as the suffix says: .pcd, .ply, or .kitti, which becomes .bin and .label."""
    if path.suffix == ".kitti":
        return [
            save_kitti(columns, path.with_suffix(".bin")),
            save_labels(columns, path.with_suffix(".label")),
        ]
    return [save_open3d(columns, path)]


def save_open3d(columns: Mapping[str, np.ndarray], path: Path) -> Path:
    """PCD or PLY (binary) with all columns, through Open3D."""
    import open3d
    from open3d.core import Tensor

    if len(columns["xyz"]) == 0:
        raise UserError(f"the point cloud for {path} is empty, and {path.suffix} files cannot hold nothing")
    cloud = open3d.t.geometry.PointCloud()
    for name, column in columns.items():
        values = np.ascontiguousarray(column if column.ndim == 2 else column[:, None])
        cloud.point[_O3D_NAMES.get(name, name)] = Tensor(values)
    if not open3d.t.io.write_point_cloud(path, cloud, write_ascii=False):
        raise UserError(f"the point cloud cannot be written to {path}")
    return path


def save_kitti(columns: Mapping[str, np.ndarray], path: Path) -> Path:
    """KITTI's velodyne format."""
    points = np.column_stack([columns["xyz"], columns["intensity"]]).astype("<f4")
    path.write_bytes(points.tobytes())
    return path


def save_labels(columns: Mapping[str, np.ndarray], path: Path) -> Path:
    """SemanticKITTI's labels, one a point."""
    path.write_bytes(semantic_kitti(columns["semantic"], columns["object"]).tobytes())
    return path


def semantic_kitti(semantic: np.ndarray, instance: np.ndarray) -> np.ndarray:
    """Labels u4[n] (little endian) of class and instance ids; UserError where an id needs more than 16 bits."""
    most = max(int(semantic.max(initial=0)), int(instance.max(initial=0)))
    if most > 0xFFFF:
        raise UserError(f"SemanticKITTI labels have 16 bits an id, and this cloud holds the id {most}")
    return (semantic.astype(np.uint32) | (instance.astype(np.uint32) << np.uint32(16))).astype("<u4")
