"""Materials and textures of a compiled MuJoCo model. Its colours are display colours; textures of cubes become their mean."""

import io
from typing import Any

import numpy as np

from twinstage.assets.importing.document import Image, Input, Material, Texture, color, number
from twinstage.assets.importing.meshes.build import Builder
from twinstage.scene.color import linear_from_srgb

RGB_ROLES = (1, 8)
DEFAULT_RGBA = (0.5, 0.5, 0.5, 1.0)
"""Of a geom that says nothing: its material holds."""


class Looks:
    """Materials by (material of the model, colour of the geom)."""

    def __init__(self, model: Any, builder: Builder) -> None:
        self.model, self.builder = model, builder
        self.known: dict[tuple[int, tuple[float, ...]], int] = {}
        self.images: dict[int, int] = {}

    def of(self, geom: int) -> int:
        """The number of a geom's material in the document."""
        rgba = tuple(round(float(v), 6) for v in self.model.geom_rgba[geom])
        material = int(self.model.geom_matid[geom])
        key = (material, rgba)
        if key not in self.known:
            made = self._plain(rgba) if material < 0 else self._material(material, rgba)
            self.builder.materials.append(made)
            self.known[key] = len(self.builder.materials) - 1
        return self.known[key]

    def _plain(self, rgba: tuple[float, ...]) -> Material:
        name = "color_" + "".join(f"{round(min(max(v, 0.0), 1.0) * 255):02x}" for v in rgba[:3])
        return Material(name, base_color=color(*linear(rgba)), **_opacity(rgba[3]))

    def _material(self, n: int, rgba: tuple[float, ...]) -> Material:
        model = self.model
        own = tuple(float(v) for v in model.mat_rgba[n])
        shown = own if np.allclose(rgba, DEFAULT_RGBA, atol=1e-6) else rgba
        texture, mean = self._texture(n)
        base = np.array(linear(shown)) * (1.0 if mean is None else mean)
        roughness = float(model.mat_roughness[n])
        if roughness < 0:  # not said: from the shininess, which is the exponent of its highlight over 128
            roughness = float((2.0 / (max(float(model.mat_shininess[n]), 0.0) * 128 + 2.0)) ** 0.25)
        glow = base * float(model.mat_emission[n])
        return Material(
            model.mat(n).name or f"material_{n}",
            base_color=Input(tuple(float(v) for v in base), texture),
            metallic=number(max(float(model.mat_metallic[n]), 0.0)),
            roughness=number(roughness),
            emissive=Input(tuple(float(v) for v in glow)),
            **_opacity(shown[3]),
        )

    def _texture(self, n: int) -> tuple[Texture | None, np.ndarray | None]:
        """The flat texture of a material, or the mean colour (linear) of one that is a cube."""
        model = self.model
        ids = [int(model.mat_texid[n][role]) for role in RGB_ROLES]
        found = next((i for i in ids if i >= 0), -1)
        other = [
            r for r in range(model.mat_texid.shape[1]) if r not in RGB_ROLES and model.mat_texid[n][r] >= 0
        ]
        name = model.mat(n).name
        if other:
            self.builder.tell(
                "texture", f"material {name}", "only its colour texture is carried over", severity="info"
            )
        if found < 0:
            return None, None
        pixels = self._pixels(found)
        if int(model.tex_type[found]) != 0:
            self.builder.tell(
                "texture",
                f"material {name}",
                "its texture wraps a cube, so its mean colour stands for it",
                severity="info",
            )
            mean = linear_from_srgb(pixels[..., :3].reshape(-1, 3).mean(0) / 255.0)
            return None, np.asarray(mean)
        if found not in self.images:
            self.builder.images.append(
                Image(model.tex(found).name or f"texture_{found}", _png(pixels), "image/png")
            )
            self.images[found] = len(self.builder.images) - 1
        u, v = (float(r) for r in model.mat_texrepeat[n])
        return Texture(self.images[found], color_space="sRGB", uv_scale=(u, v)), None

    def _pixels(self, n: int) -> np.ndarray:
        model = self.model
        height, width, channels = (int(t[n]) for t in (model.tex_height, model.tex_width, model.tex_nchannel))
        start = int(model.tex_adr[n])
        data = np.asarray(model.tex_data[start : start + height * width * channels], np.uint8)
        pixels = data.reshape(height, width, channels)
        return np.repeat(pixels, 3, 2) if channels == 1 else pixels


def linear(rgba: "tuple[float, ...]") -> tuple[float, float, float]:
    """Linear rgb of a display colour."""
    r, g, b = (float(v) for v in linear_from_srgb(np.clip(np.array(rgba[:3]), 0.0, 1.0)))
    return r, g, b


def _opacity(alpha: float) -> dict[str, Any]:
    alpha = min(max(float(alpha), 0.0), 1.0)
    return {"opacity": number(alpha), "alpha_mode": "blend" if alpha < 1 else "opaque"}


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image as Pillow

    out = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG")
    return out.getvalue()
