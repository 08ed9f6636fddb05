"""Primitives of KHR_draco_mesh_compression, decoded by the package DracoPy where it is installed (the extra `draco`)."""

import numpy as np

from twinstage.assets.importing.gltf.accessors import DTYPES, Accessors
from twinstage.assets.importing.gltf.container import Container
from twinstage.assets.importing.gltf.entry import Entry
from twinstage.base.errors import UserError

DRACO = "KHR_draco_mesh_compression"


def decode_primitive(container: Container, accessors: Accessors, primitive: Entry, packed: Entry) -> None:
    """Give the accessors of a primitive the values that its compressed buffer view holds.

    Raises UserError where they cannot be decoded, or the package is not installed.
    """
    try:
        import DracoPy
    except ImportError:
        raise UserError(
            f"{primitive.where} is compressed with Draco: pip install 'twinstage[draco]' lets it be read; or write the file "
            "again without, as Blender's export does with Compression off"
        ) from None
    data, offset, view = container.view(packed.integer("bufferView"), packed.where)
    try:
        mesh = DracoPy.decode(bytes(data[offset : offset + view.integer("byteLength")]))
        columns = {int(entry["unique_id"]): np.asarray(entry["data"]) for entry in mesh.attributes}
        faces = np.asarray(getattr(mesh, "faces", np.zeros((0, 3))), np.int64)
    except Exception as problem:
        raise UserError(f"{packed.where}: its data cannot be decoded ({problem})") from None
    attributes = primitive.entry("attributes")
    for name in packed.entry("attributes").value:
        number = packed.entry("attributes").integer(name)
        if number not in columns:
            raise UserError(f"{packed.where}: {name} is attribute {number}, which its data do not hold")
        if name in attributes:
            accessor = attributes.integer(name)
            entry = container.item("accessors", "accessor", accessor, primitive.where)
            component = entry.integer("componentType")
            if component not in DTYPES:
                raise UserError(f"{entry.where}: componentType {component} is none of glTF's")
            values = columns[number].reshape(len(columns[number]), -1)
            accessors.preset(accessor, values.astype(DTYPES[component]))
    if "indices" in primitive:
        accessors.preset(primitive.integer("indices"), faces.reshape(-1, 1).astype("<u4"))
