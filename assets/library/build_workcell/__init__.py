"""Writes `assets/library/workcell/`: run `python -m twinstage.assets.library.build_workcell`.

The scene is plain text USD that anybody may read and edit; this script exists so that its geometry has a source.
Layers, from the bottom up: `usda` (prims as text), `shapes` (bevelled boxes, lathes, slabs, tubes as point arrays),
`parts` (shapes by material -> one Mesh prim), `surfaces` and `textures` (looks), then one module for each component
of the cell and `scene` that puts them together. Numbers are rounded on writing, so that the bytes do not depend on
the machine. Nothing here touches pxr: a test opens the result with it.
"""
