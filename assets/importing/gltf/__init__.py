"""glTF 2.0 and GLB, read by our own code.

- `container`: the JSON, the GLB chunks and the buffers; `entry`: values of the JSON, each checked where it is used;
- `accessors`: numbers (strided, normalized, sparse), `meshopt` and `draco`: compressed ones;
- `meshes`, `materials`, `scene`, `motion`: what they make of it; `importer` puts it together.

Every sentence about a broken file says where: accessor 3, mesh 1 'wheel'. Only `container` opens files.
"""
