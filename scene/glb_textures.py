"""Images of materials in a glTF file: embedded as they are where glTF reads the same from them, else written anew.

The sources of the formulas: the glTF 2.0 specification (section 3.8), KHR_texture_transform, UsdPreviewSurface 2.6.
"""

import math
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.scene import glb_images as images
from twinstage.scene.glb_builder import GlbBuilder
from twinstage.scene.snapshot import Material, Snapshot, TextureInput

_WRAP = {"repeat": 10497, "mirror": 33648, "clamp": 33071, "black": 33071}
_LINEAR, _LINEAR_MIPMAP_LINEAR = 9729, 9987


class TextureBaker:
    """Images and samplers of one file, each written once."""

    def __init__(self, builder: GlbBuilder, snapshot: Snapshot, decode: images.Decoder) -> None:
        self._builder = builder
        self._snapshot = snapshot
        self._decode = decode
        self._images: dict[Any, int] = {}
        self._findings: dict[Finding, None] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What glTF cannot say exactly."""
        return tuple(self._findings)

    def header(self, source: TextureInput) -> tuple[int, int, bool]:
        try:
            return images.header(self._snapshot.textures[source.texture])
        except UserError as error:
            self.tell("gltf.texture", str(error))
            return 8, 3, False

    def plain_color(self, source: TextureInput, most: float = 1.0) -> bool:
        """Whether glTF reads the same colour from the image as it is, times a factor."""
        bits, channels, _ = self.header(source)
        return (
            source.channel == "rgb"
            and not any(source.bias[:3])
            and all(0.0 <= s <= most for s in source.scale[:3])
            and bits == 8
            and images.is_srgb(source, bits, channels, color=True)
        )

    def plain_number(self, source: TextureInput, channel: str) -> bool:
        """Whether glTF reads the same number in that channel of the image as it is, times a factor."""
        k = "rgba".index(channel)
        grey = self.header(source)[1] <= 2 and source.channel in ("r", "g", "b", "rgb")
        return (
            (source.channel == channel or grey)
            and source.color_space != "sRGB"
            and source.bias[k] == 0.0
            and 0.0 <= source.scale[k] <= 1.0
        )

    def values(self, source: TextureInput, *, color: bool) -> np.ndarray | None:
        try:
            return images.input_values(
                self._snapshot.textures[source.texture], source, self._decode, color=color
            )
        except UserError as error:
            self.tell("gltf.texture", f"{error}; it is left out of the file")
            return None

    def embedded(self, source: TextureInput) -> dict[str, Any] | None:
        """A reference to the image as it is; formats that glTF does not know are written as PNG."""
        texture = self._snapshot.textures[source.texture]
        key = texture.hash
        if key not in self._images:
            kind, data = images.mime_type(texture.data), texture.data
            try:
                images.header(texture)  # what is no image is left out, not passed on
                if not kind:
                    kind, data = "image/png", images.png(self._decode(texture, images.LARGEST).rgba)
            except UserError as error:
                self.tell("gltf.texture", f"{error}; it is left out of the file")
                return None
            self._images[key] = self._image(data, kind)
        return self.reference(source, self._images[key])

    def png(self, values: np.ndarray) -> int:
        data = images.png(values)
        if data not in self._images:
            self._images[data] = self._image(data, "image/png")
        return self._images[data]

    def _image(self, data: bytes, kind: str) -> int:
        return self._builder.add("images", {"bufferView": self._builder.view(data), "mimeType": kind})

    def reference(self, source: TextureInput, image: int) -> dict[str, Any]:
        """A textureInfo: image, sampler and the 2D transform."""
        if "black" in (source.wrap_s, source.wrap_t):
            name = self._snapshot.textures[source.texture].path.rpartition("/")[2]
            self.tell("gltf.wrap", f"texture {name} wraps to black, which glTF cannot; its edge is repeated")
        sampler = self._builder.shared(
            "samplers",
            {
                "magFilter": _LINEAR,
                "minFilter": _LINEAR_MIPMAP_LINEAR,
                "wrapS": _WRAP.get(source.wrap_s, 10497),
                "wrapT": _WRAP.get(source.wrap_t, 10497),
            },
        )
        out: dict[str, Any] = {
            "index": self._builder.shared("textures", {"sampler": sampler, "source": image})
        }
        transform = uv_transform(source)
        if transform:
            out["extensions"] = {"KHR_texture_transform": transform}
            self._builder.extensions.add("KHR_texture_transform")
        return out

    def same_placement(
        self, material: Material, kept: TextureInput, other: TextureInput, name: str, with_name: str
    ) -> None:
        if placement(kept)[1:] != placement(other)[1:]:
            self.tell(
                "gltf.uv",
                f"material {material.path}: the texture of {name} has another wrap or uv transform than that of "
                f"{with_name}, and glTF has one for both: {with_name}'s is used",
                material.path,
            )

    def tell(self, code: str, message: str, path: str = "") -> None:
        self._findings[Finding(code, "warning", path, message)] = None


def uv_transform(source: TextureInput) -> dict[str, Any]:
    """KHR_texture_transform of a UsdTransform2d; {} for the identity.

    USD scales, turns counter-clockwise and translates coordinates whose v points up; glTF does so with v down. With
    F(u, v) = (u, 1 - v), the transform of glTF is F after USD's after F: the same scale and angle, another offset.
    """
    (su, sv), angle, (tu, tv) = source.uv_scale, source.uv_rotation, source.uv_translation
    offset = [tu - sv * math.sin(angle), 1.0 - tv - sv * math.cos(angle)]
    out: dict[str, Any] = {}
    if any(abs(x) > 1e-12 for x in offset):
        out["offset"] = offset
    if angle:
        out["rotation"] = angle
    if (su, sv) != (1.0, 1.0):
        out["scale"] = [su, sv]
    return out


def placement(source: TextureInput) -> tuple[object, ...]:
    """All that says where on a surface which image lies."""
    return (
        source.texture,
        source.wrap_s,
        source.wrap_t,
        source.uv_scale,
        source.uv_rotation,
        source.uv_translation,
    )
