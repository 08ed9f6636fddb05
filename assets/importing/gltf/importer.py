"""The importer of glTF 2.0 and GLB."""

from typing import Any, Literal

from twinstage.assets.importing.document import Document, Origin, VariantSet, note
from twinstage.assets.importing.gltf.accessors import Accessors
from twinstage.assets.importing.gltf.container import Container, open_container
from twinstage.assets.importing.gltf.draco import DRACO
from twinstage.assets.importing.gltf.entry import Entry
from twinstage.assets.importing.gltf.materials import READ, Materials
from twinstage.assets.importing.gltf.meshes import VARIANTS, Meshes
from twinstage.assets.importing.gltf.motion import Motions
from twinstage.assets.importing.gltf.scene import INSTANCES, LIGHTS, Scene
from twinstage.assets.importing.registry import IMPORTERS, Importer
from twinstage.assets.importing.source import Source
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding

KNOWN = {
    *READ,
    LIGHTS,
    INSTANCES,
    VARIANTS,
    "KHR_texture_transform",
    "KHR_mesh_quantization",
    "EXT_meshopt_compression",
    "KHR_meshopt_compression",
    "EXT_texture_webp",
}
"""Extensions that are read."""


@IMPORTERS.register
class Gltf(Importer):
    """Reads .gltf and .glb."""

    extensions = (".gltf", ".glb")
    kind: Literal["gltf"] = "gltf"

    def __call__(self, source: Source) -> Document:
        """The default scene of the file."""
        try:
            return _read(open_container(source))
        except UserError as problem:
            raise UserError(f"{source.path.name}: {problem}") from None


def _read(container: Container) -> Document:
    notes = dict.fromkeys(_extensions(container.root))
    accessors = Accessors(container)
    materials = Materials(container)
    meshes = Meshes(container, accessors, materials)
    scene = Scene(container, accessors, meshes)
    scene.read()
    motions = Motions(container, accessors, scene.number)
    animations = motions.read()
    skins = scene.skins()
    for part in (materials, meshes, scene, motions):
        notes.update(part.notes)
    return Document(
        nodes=tuple(scene.nodes),
        geometry=tuple(meshes.geometry),
        materials=tuple(materials.materials),
        images=tuple(materials.images),
        skins=skins,
        animations=animations,
        cameras=scene.cameras(),
        lights=scene.lights(),
        variants=_variants(container.root, meshes),
        metres_per_unit=1.0,
        up_axis="Y",
        origin=_origin(container),
        notes=tuple(notes),
    )


def _variants(root: Entry, meshes: Meshes) -> tuple[VariantSet, ...]:
    """The looks of KHR_materials_variants, after the one that the file has without them."""
    extension = root.extension(VARIANTS)
    if extension is None or not meshes.looks:
        return ()
    names = [one.name or f"look_{n}" for n, one in enumerate(extension.entries("variants"))]
    materials = {"default": tuple((g, s, material) for (g, s), (material, _) in meshes.looks.items())}
    for n, name in enumerate(names):
        key = name if name not in materials else f"{name}_{n}"
        materials[key] = tuple(
            (g, s, dict(pairs).get(n, material)) for (g, s), (material, pairs) in meshes.looks.items()
        )
    return (VariantSet("look", materials),)


def _extensions(root: Entry) -> list[Finding]:
    """Notes of extensions that are not read; UserError for one without which the file cannot be."""
    required = root.value.get("extensionsRequired", [])
    for name in required if isinstance(required, list) else ():
        if name not in KNOWN and name not in (DRACO, "KHR_texture_basisu"):
            raise UserError(
                f"it cannot be read without the extension {str(name)[:80]!r}, which is not known here"
            )
    # What materials, nodes and primitives use is told there, with its place.
    names = [name for name in root.extensions() if name not in KNOWN]
    return [note("extension", "the file", f"{name} is left out") for name in names]


def _origin(container: Container) -> Origin:
    asset = container.root.entry("asset", "asset")
    extras = asset.value.get("extras")
    said: dict[str, Any] = extras if isinstance(extras, dict) else {}

    def text(key: str) -> str:
        value = said.get(key, "")
        return value if isinstance(value, str) else ""

    return Origin(
        format="glTF 2.0",
        generator=asset.text("generator"),
        author=text("author"),
        license=text("license") or asset.text("copyright"),
        title=text("title"),
        source=text("source") or container.source.path.name,
    )
