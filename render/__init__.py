"""What the scene looks like through a camera: pictures and labels.

    camera.py    cameras from USD lenses and from look-at
    labels.py    the label pass: one ray a pixel centre, exact masks, depth, normals, three counts an object
    casting.py   ray grids and the BVHs that labels and the `raycast` engine share
    engines/     pictures: `path` and `direct` (Mitsuba 3), `raycast` (Embree and numpy), `null`
    mi/          the snapshot as a Mitsuba scene, kept up to date in place
    lens/        how places on the image become rays
    motion.py    shutters, camera paths, scenes between two moments
    picture.py   deterministic PNG and EXR files, overlays

Labels never look at a picture and pictures never look at labels: each is a cross-check of the other. Everything
takes a `Snapshot` and a `Camera` and gives a `Capture`; the caches in between change the speed, never the result.
Importing this package loads neither Mitsuba nor Open3D.
"""
