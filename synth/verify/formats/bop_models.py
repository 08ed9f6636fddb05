"""BOP's models: PLY files in millimetres and models_info.json."""

from typing import Any

import numpy as np

from twinstage.synth.verify.formats.folder import Folder
from twinstage.synth.verify.formats.shapes import Mesh, read_ply
from twinstage.synth.verify.formats.values import is_int, is_number, key_as_int, shown
from twinstage.synth.verify.report import Judge
from twinstage.synth.verify.symmetry import wrong_symmetry

SMALLEST = 1.0
"""mm: what is smaller than that is no object but one in metres."""


class Models:
    """Models by obj_id, read once and checked when they are."""

    def __init__(self, base: Folder | None, judge: Judge) -> None:
        self.base, self.judge = base, judge
        self._meshes: dict[int, Mesh | None] = {}
        self._info: dict[int, Any] | None = None
        if base is not None and base.has("models/models_info.json"):
            with judge.guard("bop.unreadable", "models/models_info.json"):
                data = base.json("models/models_info.json")
                keys = {key_as_int(k): v for k, v in data.items()}
                if judge.check(
                    None not in keys, "bop.structure", "models/models_info.json", "its keys are not obj_ids"
                ):
                    self._info = {k: v for k, v in keys.items() if k is not None}

    def get(self, number: Any, where: str) -> Mesh | None:
        """The model; None (and a finding) where there should be one and is not."""
        if self.base is None or not is_int(number):
            return None  # a dataset without models: nothing to look at
        if number not in self._meshes:
            self._meshes[number] = self._read(number, where)
        return self._meshes[number]

    def _read(self, number: int, where: str) -> Mesh | None:
        assert self.base is not None
        name = f"models/obj_{number:06d}.ply"
        if not self.judge.check(self.base.has(name), "bop.model-missing", where, f"{name} is not there"):
            return None
        with self.judge.guard("bop.model-missing", name):
            mesh = read_ply(self.base, name)
            self._check(number, mesh, name)
            return mesh
        return None

    def _check(self, number: int, mesh: Mesh, name: str) -> None:
        low, high = mesh.vertices.min(0), mesh.vertices.max(0)
        size = high - low
        self.judge.check(
            float(size.max()) >= SMALLEST,
            "bop.models-units",
            name,
            f"the model is {shown(size)} mm large: its vertices are in metres",
        )
        if self._info is None:
            return
        info = self._info.get(number)
        where = f"models/models_info.json {number}"
        if not self.judge.check(isinstance(info, dict), "bop.models-info", where, f"{name} has no entry"):
            return
        assert info is not None
        said = [info.get(k) for k in ("min_x", "min_y", "min_z", "size_x", "size_y", "size_z", "diameter")]
        if not self.judge.check(
            all(is_number(v) for v in said),
            "bop.models-info",
            where,
            "min_x ... size_z and diameter are not seven numbers",
        ):
            return
        slack = 1e-3 * float(size.max()) + 1e-6
        wanted = [*low, *size]
        self.judge.check(
            np.allclose(np.array(said[:6], float), wanted, atol=slack),
            "bop.models-info",
            where,
            f"min and size are {shown(said[:6])}, the model's are {shown(wanted)}",
        )
        corner, longest = float(np.linalg.norm(size)), float(size.max())
        self.judge.check(
            longest - slack <= float(said[6] or 0) <= corner + slack,
            "bop.models-info",
            where,
            f"diameter is {said[6]}, between {longest:.4g} (longest edge) and {corner:.4g} (diagonal) of its box",
        )
        with self.judge.guard("bop.models-symmetry", where):
            wrong = wrong_symmetry(mesh.vertices, info)
            self.judge.check(not wrong, "bop.models-symmetry", where, wrong)
