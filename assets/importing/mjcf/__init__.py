"""Models of MuJoCo (MJCF): compiled by MuJoCo itself, so defaults, includes and frames are resolved; then read from the model.

`tree` makes nodes of bodies and joints of joints, `geoms` makes shapes and meshes of geoms, `looks` materials and images.
"""
