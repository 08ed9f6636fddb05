"""What the `raycast` engine shades with: base colours from materials and images, and shadows from a world-wide BVH."""

from typing import Any

import numpy as np

from twinstage.render.casting import drawn_instances
from twinstage.render.images import decode, is_plain, linear_pixels, texture_values
from twinstage.render.kept import KeptArrays
from twinstage.render.lighting import PlacedLight, shaping_factor
from twinstage.render.texels import nearest_texels
from twinstage.render.zbuffer import ZBuffer, corner_weights, pixels_by_instance
from twinstage.scene.columns import F4, F8, Bool
from twinstage.scene.snapshot import Light, Material, Prototype, Snapshot

_METAL_SHARE = 0.6


class WorldBvh:
    """All visible triangles in one BVH, around the middle of the scene; rebuilt when something moved."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._scene: Any = None
        self._origin: F8 = np.zeros(3)

    def follow(self, snapshot: Snapshot) -> None:
        """Bring the BVH to that snapshot's poses and visibility."""
        placed: Bool = np.asarray(np.isfinite(snapshot.instance_world).all((1, 2)))
        drawn = [(row, hidden) for row, hidden in drawn_instances(snapshot) if placed[row]]
        key = (
            snapshot.instance_world.tobytes(),
            tuple(drawn),
            tuple(snapshot.prototypes[snapshot.instances.prototype[row]].hash for row, _ in drawn),
        )
        if key == self._key:
            return
        from open3d.core import Tensor
        from open3d.t.geometry import RaycastingScene

        world = snapshot.instance_world
        self._origin = np.median(world[[row for row, _ in drawn], :3, 3], axis=0) if drawn else np.zeros(3)
        points, triangles, start = [np.zeros((0, 3))], [np.zeros((0, 3), np.uint32)], 0
        for row, hidden in drawn:
            prototype = snapshot.prototypes[snapshot.instances.prototype[row]]
            keep = prototype.triangles[~np.isin(prototype.slot, hidden)] if hidden else prototype.triangles
            points.append(prototype.points @ world[row, :3, :3].T + (world[row, :3, 3] - self._origin))
            triangles.append(keep + np.uint32(start))
            start += len(prototype.points)
        self._scene = RaycastingScene()
        self._scene.add_triangles(
            Tensor(np.concatenate(points).astype(np.float32)),
            Tensor(np.concatenate(triangles).astype(np.uint32)),
        )
        self._key = key

    def sky_share(self, position: F8, normal: F4, pixel: np.ndarray, width: int, rays: int) -> F4:
        """Share of a cosine-weighted hemisphere that sees the sky, f4[n], from `rays` directions a position."""
        seen = np.zeros(len(position), np.float32)
        tangent, bitangent = _frames(normal)
        turn = (((pixel % width) % 4) * 4 + (pixel // width) % 4) * (2 * np.pi / 16 / rays)
        for k in range(rays):
            share = (k + 0.5) / rays
            radius, up = np.sqrt(share), np.sqrt(1 - share)
            angle = turn + 2.39996 * k
            flat = (radius * np.cos(angle))[:, None] * tangent + (radius * np.sin(angle))[:, None] * bitangent
            seen += ~self._blocked(position, normal, flat + up * normal, np.inf)
        return seen / np.float32(rays)

    def lit(self, position: F8, normal: F4, placed: PlacedLight) -> F8:
        """Reflected radiance f8[n, 3] of a white matt surface under one light, shadow included."""
        pose = placed.world_from_light
        shine = -pose[:3, 2] / np.linalg.norm(pose[:3, 2])
        if placed.kind == "distant":
            toward = np.broadcast_to(-shine, position.shape)
            strength = np.full(len(position), 1 / np.pi)
        else:
            offset = pose[:3, 3] - position
            distance = np.maximum(np.linalg.norm(offset, axis=1), 1e-3)
            toward = offset / distance[:, None]
            strength = _apparent_area(placed, pose, -(toward @ shine)) / distance**2 / np.pi
        cosine = np.einsum("ij,ij->i", normal, toward)
        bright = np.flatnonzero((cosine > 0) & (strength > 0))
        out = np.zeros((len(position), 3))
        limit = np.inf if placed.kind == "distant" else 1.0
        ray = toward[bright] if placed.kind == "distant" else (pose[:3, 3] - position)[bright] * 0.98
        light = placed.light
        free = np.ones(len(bright), bool)
        if light is None or light.shadow:
            free = ~self._blocked(position[bright], normal[bright], ray, limit)
        out[bright] = (cosine[bright] * strength[bright] * free)[:, None] * np.array(placed.radiance)
        out[bright] *= placed.reflects[0]
        if light is not None and light.shaping is not None:
            sent = -toward[bright] @ pose[:3, :2]  # along the light's X and Y
            azimuth = np.arctan2(sent[:, 1], sent[:, 0])
            out[bright] *= shaping_factor(light.shaping, -(toward[bright] @ shine), azimuth)
        return out

    def _blocked(self, position: F8, normal: F4, direction: np.ndarray, limit: float) -> np.ndarray:
        from open3d.core import Tensor

        rays = np.empty((len(position), 6), np.float32)
        rays[:, :3] = position - self._origin + 1e-4 * normal
        rays[:, 3:] = direction
        blocked: np.ndarray = self._scene.test_occlusions(Tensor.from_numpy(rays), 1e-4, limit).numpy()
        return blocked


class Albedo:
    """Base colours of pixels; decoded images are kept, the latest ones."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._images = KeptArrays()
        self._means: dict[str, F8] = {}

    def at(self, snapshot: Snapshot, zbuffer: ZBuffer) -> tuple[F4, F4]:
        """Base colour and emission f4[n_pixels, 3] (linear rgb); 0 where nothing was hit."""
        self._images.turn()
        color = np.zeros((zbuffer.depth.size, 3), np.float32)
        glow = np.zeros_like(color)
        triangles = zbuffer.triangle.ravel()
        table = snapshot.instances
        for row, pixels in pixels_by_instance(zbuffer):
            prototype = snapshot.prototypes[table.prototype[row]]
            slots = prototype.slot[triangles[pixels]]
            for slot in np.unique(slots).tolist():
                chosen = pixels[slots == slot]
                material = snapshot.materials[snapshot.material_sets[table.material_set[row]][slot]]
                weights, corners = corner_weights(zbuffer, chosen), prototype.triangles[triangles[chosen]]
                color[chosen] = self._color(snapshot, material, prototype, corners, weights)
                glow[chosen] = self._input(
                    snapshot, material, "emissiveColor", material.emissive_color, prototype, corners, weights
                )
        return color, glow

    def mean_of_map(self, snapshot: Snapshot, light: Light | None) -> F8:
        """Mean linear rgb f8[3] of a light's map; ones where it has none."""
        if light is None or light.texture < 0:
            return np.ones(3)
        texture = snapshot.textures[light.texture]
        if texture.hash not in self._means:
            self._means[texture.hash] = linear_pixels(decode(texture, 256)).mean((0, 1), dtype=np.float64)
        return self._means[texture.hash]

    def _color(
        self, snapshot: Snapshot, material: Material, prototype: Prototype, corners: np.ndarray, weights: F4
    ) -> np.ndarray:
        if (material.path == "" or material.vertex_color) and prototype.color is not None:
            return np.asarray(np.einsum("nk,nkj->nj", weights, prototype.color[corners]))
        values = self._input(
            snapshot, material, "diffuseColor", material.diffuse_color, prototype, corners, weights
        )
        return np.asarray(values) * (_METAL_SHARE if material.metallic > 0.5 else 1.0)

    def _input(
        self,
        snapshot: Snapshot,
        material: Material,
        name: str,
        plain: tuple[float, float, float],
        prototype: Prototype,
        corners: np.ndarray,
        weights: F4,
    ) -> np.ndarray:
        source = material.texture(name)
        if source is None or prototype.uv is None:
            return np.array(plain, np.float32)
        texture = snapshot.textures[source.texture]
        key = (texture.hash, name, repr(source))
        image = self._images.get(
            key,
            lambda: texture_values(texture, source, color=True, largest=self._largest),
            passing=not is_plain(source),
        )
        uv = np.einsum("nk,nkj->nj", weights, prototype.uv[corners])
        return nearest_texels(image, uv, source)


def _frames(normal: F4) -> tuple[F4, F4]:
    """Two unit vectors across each normal."""
    other = np.where(np.abs(normal[:, 2:]) < 0.9, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    tangent = np.cross(other, normal)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    return tangent.astype(np.float32), np.cross(normal, tangent).astype(np.float32)


def _apparent_area(placed: PlacedLight, pose: F8, cosine: np.ndarray) -> np.ndarray:
    """Area [m^2] that a light turns to positions which see it under that cosine with its axis."""
    light = placed.light
    if light is None:
        return np.zeros(len(cosine))
    sx, sy, _ = np.linalg.norm(pose[:3, :3], axis=0)
    if placed.kind == "rect":
        return np.asarray(light.width * sx * light.height * sy * np.maximum(cosine, 0))
    if placed.kind == "disk":
        return np.asarray(np.pi * light.radius**2 * sx * sy * np.maximum(cosine, 0))
    if placed.kind == "sphere":
        return np.full(len(cosine), np.pi * light.radius**2 * sx * sy)
    return np.full(len(cosine), 2 * light.radius * sy * light.length * sx)
