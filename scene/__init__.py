"""The USD stage: safe opening, layer stack, bindings, snapshot, writing.

One way through it::

    file -> stage.open_stage -> read.read_snapshot -> Snapshot ------------------> render, sync, synth
                 |                                       |
    bindings.yaml + contract -> plan.compile_bindings -> BindingPlan.evaluate(state) -> TickColumns
                                                                                          |
                                     the stage's `live` layer <- writer.ColumnWriter <----+

Modules that touch pxr or files, and no others do: `probe` (the child process that looks first), `asset_paths`,
`stage`, `read/` (pxr -> snapshot; a small reader an area), `binder` and `joints` (look prims up), `bones` (joints
as prims), `author`, `skeletons` and `writer` (into USD layers). The rest is plain data and numpy: `columns`,
`snapshot`, `transforms`, `color`, `triangulate`, `tessellate`, `subdivide/` (cages -> surfaces), `curves`, `tubes`,
`distinct`, `edits`, `merge`, `skins`, `bending`, `motion` (what moves, as curves), `glb`, `glb_*` (files for other
programs); and for bindings `bindings` (models), `patterns`, `expressions`, `inputs` (signals -> numbers), `movers`
(numbers -> poses), `follow` and `attach` (poses that depend on others), `poses`, `style`, `compile*` and `plan`.
"""
