"""The USD stage: safe opening, layer stack, bindings, snapshot, writing.

Effects live in the modules named here and nowhere else in this folder: `stage` (opens files), `read` (pxr -> snapshot),
`binder` (looks prims up), `writer` (columns -> pxr). The rest is plain data: `columns`, `snapshot`, `transforms`,
`bindings` (the models), `plan` (state -> columns), `glb` (prototype -> bytes).
"""
