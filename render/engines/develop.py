"""From linear light to what was asked for: denoising, exposure and tone map, the same for all engines."""

from collections.abc import Sequence

import numpy as np

from twinstage.render.capture import Camera, Capture
from twinstage.render.color import auto_exposure, tone_map
from twinstage.render.engines.base import EngineSettings
from twinstage.scene.columns import F4


def develop(
    settings: EngineSettings, camera: Camera, linear: F4, features: Sequence[np.ndarray] = ()
) -> Capture:
    """The Capture of linear rgb f4[h, w, 3], with the AOVs of `settings.outputs`.

    `features`: base colour and normal f4[h, w, 3] of what is seen first, for the denoiser, where the engine knows them.
    """
    if settings.denoise:
        from twinstage.render.denoise import denoised

        linear = denoised(linear, *features)
    aovs: dict[str, np.ndarray] = {}
    if "rgb" in settings.outputs:
        exposure = settings.exposure
        exposure += auto_exposure(linear) if settings.auto_exposure else camera.exposure
        aovs["rgb"] = tone_map(linear, exposure, settings.tone_map)
    if "linear" in settings.outputs:
        aovs["linear"] = linear
    return Capture(camera, aovs)
