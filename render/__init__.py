"""What the scene looks like through a camera: pictures and labels.

    camera.py    cameras from USD lenses and from look-at
    labels.py    the label pass: one ray a pixel centre, exact masks, depth, normals, three counts an object
    casting.py   what labels and the `raycast` engine cast: bvh.py, rays.py, posing.py (rows and their moments), bounds.py
                 and cones.py (where boxes may be), hits.py (one part), zbuffer.py and ties.py (the nearest of all)
    aovs.py      arrays by pixel; nocs.py; flow.py with instants.py; silhouettes.py: counts outside of the image
    opacity.py   the one rule of what is not opaque; texels.py
    engines/     pictures: `path` and `direct` (Mitsuba 3), `raycast` (Embree and numpy), `null`
    mi/          the snapshot as a Mitsuba scene, kept up to date in place
    lens/        how places on the image become rays
    motion.py    shutters, camera paths, scenes between two moments
    exposure.py  which moments of a scene a picture is exposed to; color.py tone maps; denoise.py noise taken out
    picture.py   deterministic PNG and EXR files, overlays; files.py which AOV becomes which; encoder.py beside the renderer
    api.py       `open` a stage, then pictures and labels in a few lines; views.py: which cameras
    outputs.py   AOVs as files; preview.py as pictures to look at; records.py labels as plain data
    video.py     films; sheet.py contact sheets; turntable.py cameras round a scene; whole.py whole files

Labels never look at a picture and pictures never look at labels: each is a cross-check of the other. Everything
takes a `Snapshot` and a `Camera` and gives a `Capture`; the caches in between change the speed, never the result.
Importing this package loads neither Mitsuba nor Open3D.
"""

from typing import TYPE_CHECKING, Any

__all__ = ["Labels", "Picture", "Scene", "open"]

if TYPE_CHECKING:
    from twinstage.render.api import Labels, Picture, Scene, open


def __getattr__(name: str) -> Any:
    if name in __all__:
        from twinstage.render import api

        return getattr(api, name)
    raise AttributeError(f"module 'twinstage.render' has no attribute {name!r}")
