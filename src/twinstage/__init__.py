"""Twinstage: a USD scene in step with a living plant, in browsers and in labelled datasets.

Importing this package is cheap: neither pxr, open3d nor mitsuba loads until something needs it.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Twin", "Use", "__version__", "open"]

if TYPE_CHECKING:
    from twinstage.live.producer import Twin, open
    from twinstage.sync.overlay.controls import Use


def __getattr__(name: str) -> Any:
    if name in ("Twin", "open"):
        from twinstage.live import producer

        return getattr(producer, name)
    if name == "Use":
        from twinstage.sync.overlay.controls import Use

        return Use
    raise AttributeError(f"module 'twinstage' has no attribute {name!r}")
