"""Labelled datasets from a scene: recipe, randomizers, annotation, writers, verification.

The flow of one frame, level by level: `draws` (numbers from a key) -> `randomizers` (numbers -> USD edits) -> render's
engine and label pass (a changed snapshot -> arrays) -> `annotate` (arrays -> one JSON record) -> `writers` (records ->
another format). `verify` judges the files and shares no code with anything above.

Effects live in `generate` and `frame` (processes, files, the stage), `dataset`, `canonical` and `contact_sheet` (files), and
`verify`; everything else is plain data. Nothing here keeps a random state: a draw depends on its key alone, so frames can
be made in any order.
"""
