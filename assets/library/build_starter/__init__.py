"""Writes `assets/library/starter/`: run `python -m twinstage.assets.library.build_starter`.

A set of assets to begin a plant with. Each is one readable file in metres, Z-up, its origin on the floor under its middle
(sensors: where they are mounted), with variants, class labels, colliders, looks of `materials.usda` and, where a plant measures
something there, `twin:` attributes with their unit. The shapes and the text come from the work cell's builder; one module a
family, `shelf` lists them all. Nothing here touches pxr: a test opens the result with it.
"""
