"""Materials on the wire, as docs/protocol.md has them."""

import math
from dataclasses import replace

import pytest

from twinstage.scene.snapshot import Material, TextureInput
from twinstage.sync.scene_json import _material


def test_rotations_are_degrees() -> None:
    """The reader gives radians, the protocol says degrees: pi / 6 is 30."""
    source = TextureInput(0, uv_rotation=math.pi / 6)
    written = _material(Material("/M", textures=(("diffuseColor", source),)))
    assert written["textures"]["diffuseColor"]["uvRotation"] == pytest.approx(30.0)


def test_every_number_of_a_material_is_sent() -> None:
    material = replace(Material("/M"), opacity_mode="presence", vertex_color=True, occlusion=0.25)
    written = _material(material)
    assert (written["opacityMode"], written["vertexColor"], written["occlusion"]) == ("presence", True, 0.25)
