"""What rays hit: materials, normals, colours and opacities at hits, for sensors that do not see like a camera.

Numbers are those of UsdPreviewSurface with its textures at the hit (nearest texel). Where no material is bound, the
gprim's displayColor counts.
"""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from twinstage.render.images import texture_values
from twinstage.render.opacity import LARGEST
from twinstage.render.sensors.casting import Caster, RayHits, grouped, turned
from twinstage.render.texels import nearest_texels
from twinstage.scene.columns import F4, F8, I4
from twinstage.scene.snapshot import Material, Prototype, Snapshot, TextureInput

_KEPT_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Surfaces:
    """Surfaces under n rays; what hits nothing has material -1 and zeros.

    Attributes:
        material: row of `Snapshot.materials`, i4[n].
        normal: unit shading normal in the world on the side of the ray, f4[n, 3].
        cosine: of the angle between ray and normal, f4[n], from 0 to 1.
        albedo: base colour, linear rgb f4[n, 3].
        metallic, roughness, opacity: f4[n]. Opacity is 0 or 1 where the material has an opacityThreshold.
    """

    material: I4
    normal: F4
    cosine: F4
    albedo: F4
    metallic: F4
    roughness: F4
    opacity: F4


def joined(parts: list[Surfaces]) -> Surfaces:
    """One table of several."""
    return Surfaces(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in Surfaces.__dataclass_fields__
        }
    )


def surfaces(caster: Caster, hits: RayHits, directions: F8, seconds: F8 | None = None) -> Surfaces:
    """The surfaces of those hits; `directions` and `seconds` are those that were cast."""
    n = len(hits.t)
    out = Surfaces(
        np.full(n, -1, np.int32),
        np.zeros((n, 3), np.float32),
        *(np.zeros(shape, np.float32) for shape in (n, (n, 3), n, n, n)),
    )
    snapshot, table = caster.snapshot, caster.snapshot.instances
    for row, rays in grouped(hits.instance):
        prototype = caster.prototype(row)
        corners = prototype.triangles[hits.triangle[rays]]
        uv = hits.barycentric[rays].astype(np.float64)
        weights = np.column_stack([1 - uv[:, 0] - uv[:, 1], uv])
        _normals(out, rays, caster.world_of(row, seconds, rays), prototype, corners, weights, directions)
        slots = prototype.slot[hits.triangle[rays]]
        materials = np.array(snapshot.material_sets[table.material_set[row]])[slots]
        for number in np.unique(materials).tolist():
            at = np.flatnonzero(materials == number)
            _look(out, rays[at], snapshot, number, prototype, corners[at], weights[at])
    return out


def _normals(
    out: Surfaces,
    rays: np.ndarray,
    world: F8,
    prototype: Prototype,
    corners: np.ndarray,
    weights: np.ndarray,
    directions: F8,
) -> None:
    inverse = np.linalg.inv(world[..., :3, :3])
    points = prototype.points.astype(np.float64)[corners]
    flat = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    smooth = np.einsum("nk,nkj->nj", weights, prototype.normals[corners]).astype(np.float64)
    ray = directions[rays]
    local, normal = turned(inverse, ray), turned(np.swapaxes(inverse, -1, -2), smooth)
    normal = np.where((np.einsum("ij,ij->i", flat, local) < 0)[:, None], normal, -normal)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    length = np.maximum(np.linalg.norm(ray, axis=1), 1e-30)
    out.normal[rays] = normal
    out.cosine[rays] = np.clip(-np.einsum("ij,ij->i", normal, ray) / length, 0.0, 1.0)


def _look(
    out: Surfaces,
    rays: np.ndarray,
    snapshot: Snapshot,
    number: int,
    prototype: Prototype,
    corners: np.ndarray,
    weights: np.ndarray,
) -> None:
    material = snapshot.materials[number]
    uv = None if prototype.uv is None else np.einsum("nk,nkj->nj", weights, prototype.uv[corners])
    out.material[rays] = number
    if (material.path == "" or material.vertex_color) and prototype.color is not None:
        out.albedo[rays] = np.einsum("nk,nkj->nj", weights, prototype.color[corners])
    else:
        out.albedo[rays] = _value(snapshot, material, "diffuseColor", material.diffuse_color, uv)
    out.metallic[rays] = _value(snapshot, material, "metallic", (material.metallic,), uv)[..., 0]
    out.roughness[rays] = _value(snapshot, material, "roughness", (material.roughness,), uv)[..., 0]
    opacity = np.broadcast_to(
        _value(snapshot, material, "opacity", (material.opacity,), uv)[..., 0], len(rays)
    )
    if material.opacity_threshold > 0:
        opacity = opacity >= np.float32(material.opacity_threshold)
    out.opacity[rays] = np.clip(opacity, 0.0, 1.0)


def _value(
    snapshot: Snapshot, material: Material, name: str, plain: tuple[float, ...], uv: np.ndarray | None
) -> np.ndarray:
    """The value of an input at texture coordinates, f4[n, channels]; f4[1, channels] where it is the same everywhere."""
    source = material.texture(name)
    if source is None or uv is None:
        return np.array([plain], np.float32)
    return nearest_texels(_image(snapshot, name, source), uv, source)


_IMAGES: OrderedDict[tuple[str, str, str], F4] = OrderedDict()


def _image(snapshot: Snapshot, name: str, source: TextureInput) -> F4:
    """A decoded texture; kept by its content, the least recently used dropped above 256 MB."""
    texture = snapshot.textures[source.texture]
    key = (texture.hash, name, repr(source))
    if key not in _IMAGES:
        _IMAGES[key] = texture_values(texture, source, color=name == "diffuseColor", largest=LARGEST)
        while sum(image.nbytes for image in _IMAGES.values()) > _KEPT_BYTES and len(_IMAGES) > 1:
            _IMAGES.popitem(last=False)
    _IMAGES.move_to_end(key)
    return _IMAGES[key]
