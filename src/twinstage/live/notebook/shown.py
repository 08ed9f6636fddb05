"""What a notebook's cell shows for a twin: its view, or a sentence about what is missing."""

import html
import sys
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import UserError

if TYPE_CHECKING:
    from twinstage.live.notebook.widget import View
    from twinstage.live.producer import Twin

MISSING = "the view in a notebook needs anywidget: pip install 'twinstage[jupyter]', then restart the kernel"


def in_notebook() -> bool:
    """Whether this program is a notebook's kernel, and not a terminal."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return running is not None and hasattr(running, "kernel")


def view_of(twin: "Twin", **choices: Any) -> "View":
    """A new view; UserError where the extra is not installed."""
    try:
        from twinstage.live.notebook.widget import View
    except ImportError:
        raise UserError(MISSING) from None
    return View(twin, **choices)


def mime_bundle(twin: "Twin") -> Any:
    """For IPython: None where there is no notebook, so that a terminal shows the twin's repr alone."""
    if not in_notebook():
        return None
    try:
        return view_of(twin)._repr_mimebundle_()
    except UserError as error:
        return {"text/plain": repr(twin), "text/html": f"<p>{html.escape(str(error))}</p>"}
