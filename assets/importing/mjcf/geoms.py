"""Geoms of a compiled MuJoCo model -> shapes and meshes below the node of their body.

A geom that touches nothing (contype and conaffinity 0) is drawn alone. One of group 3 or above is what MuJoCo's viewer hides: a
collider that is not drawn (purpose guide). Any other is both.
"""

from typing import Any

import numpy as np

from twinstage.assets.importing.document import Collider, Shape, Transform
from twinstage.assets.importing.meshes.build import Builder
from twinstage.assets.importing.meshes.shape import Indexed
from twinstage.assets.importing.meshes.shape import Shape as Polygons
from twinstage.assets.importing.mjcf.looks import Looks

PLANE, HFIELD, SPHERE, CAPSULE, ELLIPSOID, CYLINDER, BOX, MESH = range(8)
HIDDEN_GROUP = 3
INFINITE_M = 20.0
"""Edge of a plane that has no end [m]."""
DEFAULT_FRICTION = 1.0


class Geoms:
    """Adds geoms to a builder; a mesh of the model is read once."""

    def __init__(self, model: Any, builder: Builder) -> None:
        self.model, self.builder = model, builder
        self.looks = Looks(model, builder)
        self.meshes: dict[int, int] = {}

    def add(self, geom: int, parent: int) -> None:
        """Add a geom below a node."""
        model = self.model
        collides = bool(model.geom_contype[geom] or model.geom_conaffinity[geom])
        hidden = collides and int(model.geom_group[geom]) >= HIDDEN_GROUP
        number, scale = self._geometry(geom)
        if number < 0:
            return
        name = model.geom(geom).name or self._plain_name(geom) + ("_collision" if hidden else "")
        x, y, z = (float(v) for v in model.geom_pos[geom])
        w = [float(v) for v in model.geom_quat[geom]]
        friction = float(model.geom_friction[geom][0])
        self.builder.node(
            name,
            parent,
            Transform((x, y, z), (w[0], w[1], w[2], w[3]), scale),
            geometry=number,
            material=-1 if hidden else self.looks.of(geom),
            purpose="guide" if hidden else "default",
            collider=Collider(dynamic_friction=friction if abs(friction - DEFAULT_FRICTION) > 1e-9 else None)
            if collides
            else None,
        )

    def _plain_name(self, geom: int) -> str:
        kind = int(self.model.geom_type[geom])
        if kind == MESH:
            return str(self.model.mesh(int(self.model.geom_dataid[geom])).name) or "mesh"
        names = ("plane", "hfield", "sphere", "capsule", "ellipsoid", "cylinder", "box")
        return names[kind] if kind < len(names) else "geom"

    def _geometry(self, geom: int) -> tuple[int, tuple[float, float, float]]:
        model, none = self.model, (1.0, 1.0, 1.0)
        kind = int(model.geom_type[geom])
        a, b, c = (float(v) for v in model.geom_size[geom])
        name = model.geom(geom).name or self._plain_name(geom)
        if kind == MESH:
            return self._mesh(int(model.geom_dataid[geom])), none
        if kind == PLANE:
            return self._shape(name, "plane", (2 * a or INFINITE_M, 2 * b or INFINITE_M)), none
        if kind == SPHERE:
            return self._shape(name, "sphere", (a,)), none
        if kind == ELLIPSOID:  # colliders know no sphere that is stretched
            return self.builder.shape(ellipsoid(name, a, b, c), (), f"geom {name}"), none
        if kind in (CAPSULE, CYLINDER):
            return self._shape(name, "capsule" if kind == CAPSULE else "cylinder", (a, 2 * b)), none
        if kind == BOX:
            return self._shape(name, "box", (2 * a, 2 * b, 2 * c)), none
        what = "height field" if kind == HFIELD else f"geom of type {kind}"
        self.builder.tell("not-carried", f"geom {name}", f"a {what} is not carried over")
        return -1, none

    def _shape(self, name: str, kind: Any, size: tuple[float, ...]) -> int:
        self.builder.geometry.append(Shape(name, kind, size))
        return len(self.builder.geometry) - 1

    def _mesh(self, n: int) -> int:
        if n not in self.meshes:
            self.meshes[n] = self.builder.shape(self._polygons(n), (), f"mesh {self.model.mesh(n).name}")
        return self.meshes[n]

    def _polygons(self, n: int) -> Polygons:
        """Triangles with the file's normals and texture coordinates; v runs down there, and up here."""
        model = self.model

        def part(values: Any, start: Any, count: Any) -> np.ndarray:
            low = int(start[n])
            return np.asarray(values[low : low + int(count[n])])

        faces = part(model.mesh_face, model.mesh_faceadr, model.mesh_facenum).astype(np.int64)
        points = part(model.mesh_vert, model.mesh_vertadr, model.mesh_vertnum).astype(np.float64)
        normals = part(model.mesh_normal, model.mesh_normaladr, model.mesh_normalnum).astype(np.float64)
        corners = part(model.mesh_facenormal, model.mesh_faceadr, model.mesh_facenum).astype(np.int64)
        uvs = None
        if int(model.mesh_texcoordnum[n]) and int(model.mesh_texcoordadr[n]) >= 0:
            values = part(model.mesh_texcoord, model.mesh_texcoordadr, model.mesh_texcoordnum).astype(
                np.float64
            )
            where = part(model.mesh_facetexcoord, model.mesh_faceadr, model.mesh_facenum).astype(np.int64)
            uvs = Indexed(np.stack([values[:, 0], 1.0 - values[:, 1]], 1), where.reshape(-1))
        return Polygons(
            name=model.mesh(n).name or f"mesh_{n}",
            points=points,
            counts=np.full(len(faces), 3, np.int64),
            indices=faces.reshape(-1),
            # Normals that MuJoCo made up are smooth over every edge; ours keep the sharp ones.
            normals=None if np.array_equal(faces, corners) else Indexed(normals, corners.reshape(-1)),
            uvs=uvs,
        )


def ellipsoid(name: str, a: float, b: float, c: float, sides: int = 32) -> Polygons:
    """An ellipsoid of these half axes as rings of quads between two caps of triangles, with its true normals."""
    rings = sides // 2 - 1
    polar = np.pi * np.arange(1, rings + 1) / (rings + 1)
    around = 2 * np.pi * np.arange(sides) / sides
    unit = np.concatenate(
        [
            [[0.0, 0.0, 1.0]],
            np.stack(
                [
                    np.outer(np.sin(polar), np.cos(around)).ravel(),
                    np.outer(np.sin(polar), np.sin(around)).ravel(),
                    np.repeat(np.cos(polar), sides),
                ],
                1,
            ),
            [[0.0, 0.0, -1.0]],
        ]
    )
    last = len(unit) - 1
    k, following = np.arange(sides), (np.arange(sides) + 1) % sides
    top = np.stack([np.zeros(sides, np.int64), 1 + k, 1 + following], 1)
    low = 1 + (rings - 1) * sides
    bottom = np.stack([np.full(sides, last), low + following, low + k], 1)
    starts = (1 + sides * np.arange(rings - 1))[:, None]
    quads = np.stack([starts + k, starts + sides + k, starts + sides + following, starts + following], 2)
    indices = np.concatenate([top.ravel(), quads.reshape(-1), bottom.ravel()])
    counts = np.concatenate([np.full(sides, 3), np.full(quads.size // 4, 4), np.full(sides, 3)])
    half = np.array([a, b, c])
    return Polygons(name, unit * half, counts, indices, normals=Indexed(unit / half, indices))
