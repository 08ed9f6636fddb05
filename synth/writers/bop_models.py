"""The models of a BOP dataset: the native ones in millimetres, numbered from 1 by class and then by name.

models_info.json holds BOP's keys (diameter, min_*, size_* [mm], symmetries where the dataset knows some) and, beside them,
`class`, `prim_path` of the first object with that model, and `model`, its native name.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.synth.dataset import Dataset
from twinstage.synth.models import diameter
from twinstage.synth.writers.base import Content, source

_TYPES = {
    **{name: "i1" for name in ("char", "int8")},
    **{name: "u1" for name in ("uchar", "uint8")},
    **{name: "<i2" for name in ("short", "int16")},
    **{name: "<u2" for name in ("ushort", "uint16")},
    **{name: "<i4" for name in ("int", "int32")},
    **{name: "<u4" for name in ("uint", "uint32")},
    **{name: "<f4" for name in ("float", "float32")},
    **{name: "<f8" for name in ("double", "float64")},
}


def numbered(dataset: Dataset, labels: dict[str, Any], most: int) -> dict[str, int]:
    """obj_id by the name of the model. Raises UserError where there are more than `most`."""
    order = {c["name"]: place for place, c in enumerate(labels["classes"])}
    found = _listed(dataset)
    if len(found) > most:
        users = Counter(model["prim_path"] for model in found.values())
        often, times = min(users.items(), key=lambda user: (-user[1], user[0]))
        raise UserError(
            f"export bop: the dataset has {len(found)} models, {times} of them of {often} alone, as when a scale "
            f"is drawn anew in each frame; BOP wants a fixed set: choose scales from a few, or set `most_models` above {most}"
        )
    names = sorted(found, key=lambda name: (order.get(found[name]["class"], len(order)), name))
    return {name: number for number, name in enumerate(names, start=1)}


def _listed(dataset: Dataset) -> dict[str, dict[str, Any]]:
    if not (dataset.root / "models/models.json").is_file():
        raise UserError("export bop needs models, which the dataset lacks; add `models` to `annotate`")
    found: dict[str, dict[str, Any]] = json.loads(source(dataset, "models/models.json").read_bytes())
    for name in found:
        if not re.fullmatch(r"[0-9a-f]{16}", name):
            raise UserError(f"models/models.json names a model {name!r}; expected 16 hex digits")
    return found


def model_files(dataset: Dataset, numbers: dict[str, int]) -> Iterator[tuple[str, Content]]:
    """Name and content of each file of models/."""
    listed, infos = _listed(dataset), {}
    for name, number in numbers.items():
        path = source(dataset, f"models/{name}.ply")
        try:
            data, points = in_millimetres(path.read_bytes())
        except (ValueError, KeyError, IndexError) as error:
            raise UserError(f"{path} is no PLY file of a dataset ({error})") from None
        infos[str(number)] = _info(points, {"model": name, **listed[name]})
        yield f"obj_{number:06d}.ply", data
    yield "models_info.json", json.dumps(infos, indent=1, ensure_ascii=False).encode() + b"\n"


def _info(points: np.ndarray, native: dict[str, Any]) -> dict[str, Any]:
    low, high = points.min(0), points.max(0)
    out: dict[str, Any] = {"diameter": diameter(points)}
    out |= {f"min_{axis}": float(v) for axis, v in zip("xyz", low, strict=True)}
    out |= {f"size_{axis}": float(v) for axis, v in zip("xyz", high - low, strict=True)}
    if native.get("symmetries_discrete"):  # row-wise 4x4; their translations are metres here
        turns = np.array(native["symmetries_discrete"], np.float64).reshape(-1, 4, 4)
        turns[:, :3, 3] *= 1000
        out["symmetries_discrete"] = turns.reshape(-1, 16).tolist()
    if native.get("symmetries_continuous"):
        out["symmetries_continuous"] = [
            {"axis": s["axis"], "offset": [1000 * v for v in s["offset"]]}
            for s in native["symmetries_continuous"]
        ]
    return out | {key: native[key] for key in ("class", "prim_path", "model")}


def in_millimetres(data: bytes) -> tuple[bytes, np.ndarray]:
    """A binary PLY in metres -> the same in millimetres, and its vertices f8[n, 3] [mm].

    All other properties and the faces stay as they are. Raises ValueError for what is no such file.
    """
    head, mark, body = data.partition(b"end_header\n")
    lines = head.decode("ascii").splitlines()
    words = [line.split() for line in lines]
    if not mark or lines[:2] != ["ply", "format binary_little_endian 1.0"]:
        raise ValueError("not binary PLY")
    at = next(k for k, w in enumerate(words) if w[:2] == ["element", "vertex"])
    fields = []
    for word in words[at + 1 :]:
        if word[0] != "property":
            break
        fields.append((word[2], _TYPES[word[1]]))
    kind = np.dtype(fields)
    count = int(words[at][2])
    table = np.frombuffer(body, kind, count).copy()
    for axis in "xyz":
        table[axis] *= 1000
    lines = ["comment unit mm" if line == "comment unit m" else line for line in lines]
    points = np.stack([table[axis].astype(np.float64) for axis in "xyz"], -1)
    if not count or not np.isfinite(points).all():
        raise ValueError("its vertices are no numbers")
    text = "\n".join(lines).encode() + b"\n"
    return text + mark + table.tobytes() + body[count * kind.itemsize :], points
