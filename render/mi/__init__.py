"""The snapshot as a Mitsuba 3 scene, kept up to date in place.

    runtime.py    which variant runs on this machine, and finding libLLVM
    textures.py   UsdUVTexture -> arrays and bitmaps
    surfaces.py   the numbers and images of all materials in one table
    microfacets.py  GGX: formulas, and a table of what it reflects in all
    reflection.py UsdPreviewSurface: what a surface sends back, and where it is worth looking
    materials.py  UsdPreviewSurface -> BSDFs of the scalar variant
    lights.py     UsdLux -> lists and tables, and emitters for the scalar variant
    lamps.py      lamps and glowing triangles as a table: choose one, and a point on it
    sky.py        domes as one constant and one map
    geometry.py   instances merged into few meshes, baked to the world
    trees.py      what rests and what moves, asked as one scene
    arrays.py     arrays that keep their place, so that no kernel is compiled again
    scene.py      builds all that and updates what changed
    light.py      what the two integrators share: light that reaches a surface, and where it reflects
    direct.py     direct lighting, as a Dr.Jit function
    path.py       global illumination, as a Dr.Jit loop
    numbers.py    the random numbers of pictures: even over each pixel and over its neighbours
    rays.py       rays from a camera: the same as the labels', also between pixel centres
    features.py   what a denoiser is told
    trace.py      samples into a picture
    scalar.py     the same by Mitsuba's own integrators, without LLVM

Nothing here is imported before an engine that needs it is opened.
"""
