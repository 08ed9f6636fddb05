"""Files of polygons: OBJ with MTL, STL, PLY, COLLADA, 3MF; STEP through OpenCASCADE (extra `cad`).

A file is read into shapes (`shape`: polygons as the file has them) and looks, which `build` turns into the parts of a
document; `loading` does both for any of the formats, and robots' links are loaded by it, too. `files` finds what a file names.
"""
