"""The base colours of what the `raycast` engine sees, from materials and images, and the mean of a light's map.

Colours are held as planes f4[3, n]: numpy works on a plane several times as fast as on columns of three.
"""

import numpy as np

from twinstage.render.engines.looks import Look, Spots, kept, looks, plain, plain_colors, varies
from twinstage.render.images import decode, linear_pixels, texture_values
from twinstage.render.kept import KeptArrays
from twinstage.render.lighting import emits
from twinstage.render.texels import colors_at
from twinstage.render.zbuffer import ZBuffer
from twinstage.scene.columns import F4, F8
from twinstage.scene.snapshot import Light, Snapshot, Texture, TextureInput


class Albedo:
    """Base colours of pixels; decoded images are kept, the latest ones."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._images = KeptArrays()
        self._means: dict[str, F8] = {}

    def colored(self, light: F4, snapshot: Snapshot, zbuffer: ZBuffer) -> None:
        """Make of light f4[3, h, w] that white surfaces would reflect what those seen reflect and emit, in place.

        It becomes 0 where nothing was hit.
        """
        light *= self._reflected(snapshot, zbuffer)
        materials = snapshot.materials
        planes = light.reshape(3, -1)
        glowing = [any(emits(materials[row]) for row in part.materials) for part in zbuffer.parts]
        pixels, glow = plain_colors(zbuffer, materials, "emissiveColor", glowing)
        for look, spots in looks(zbuffer, materials, "emissiveColor", glowing):
            glow[:, np.searchsorted(pixels, spots.pixels)] = self._values(
                snapshot, zbuffer, look, spots, "emissiveColor"
            )
        for k in range(3):
            planes[k][pixels] += glow[k]

    def mean_of_map(self, snapshot: Snapshot, light: Light | None) -> F8:
        """Mean linear rgb f8[3] of a light's map; ones where it has none."""
        if light is None or light.texture < 0:
            return np.ones(3)
        texture = snapshot.textures[light.texture]
        if texture.hash not in self._means:
            self._means[texture.hash] = linear_pixels(decode(texture, 256)).mean((0, 1), dtype=np.float64)
        return self._means[texture.hash]

    def _reflected(self, snapshot: Snapshot, zbuffer: ZBuffer) -> F4:
        """Base colours of all pixels: first each part in the colour of its first slot, then what differs from that.

        The background, which has no part, is black: the last one of `first`."""
        materials = snapshot.materials
        worn = {part.materials for part in zbuffer.parts}  # many parts wear the same
        plains = {rows: [plain(materials[row], "diffuseColor") for row in rows] for rows in worn}
        colors = [plains[part.materials] for part in zbuffer.parts]
        first = np.array([*(of_slots[0] for of_slots in colors), (0, 0, 0)], np.float32).T.copy()
        several = [len(set(of_slots)) > 1 for of_slots in colors]
        varied = [
            any(varies(part.prototype, materials[row]) for row in part.materials) for part in zbuffer.parts
        ]
        places = zbuffer.part.astype(np.intp)
        out = np.empty((3, *places.shape), np.float32)
        for k in range(3):
            first[k].take(places, mode="wrap", out=out[k])
        planes = out.reshape(3, -1)
        pixels, plain_ones = plain_colors(zbuffer, materials, "diffuseColor", several)
        for k in range(3):
            planes[k][pixels] = plain_ones[k]
        for look, spots in looks(zbuffer, materials, "diffuseColor", varied):
            values = self._values(snapshot, zbuffer, look, spots, "diffuseColor")
            pixels = spots.pixels
            for k in range(3):
                planes[k][pixels] = values[k]
        return out

    def _values(self, snapshot: Snapshot, zbuffer: ZBuffer, look: Look, spots: Spots, name: str) -> F4:
        """Linear rgb f4[3, n]."""
        if look.painted >= 0:
            return spots.color(zbuffer.parts[look.painted])
        material = snapshot.materials[look.material]
        source = material.texture(name)
        assert source is not None
        image = self._image(snapshot.textures[source.texture], source)
        return colors_at(image, spots.uv, source, kept(material, name))

    def _image(self, texture: Texture, source: TextureInput) -> F4:
        """The image as it is, f4[h, w, 3 or 1]: what is drawn for a frame, such as a tint, is put upon its texels."""
        stored = TextureInput(0, channel=source.channel, color_space=source.color_space)
        return self._images.get(
            (texture.hash, stored),
            lambda: texture_values(texture, stored, color=True, largest=self._largest),
        )
