"""MaterialX: `.mtlx` documents as USD layers (`layer`), and ND_* networks as signals (`nodes`, `images`, `surfaces`).

Nothing here is executed: the nodes are folded by our own small functions, and XIncludes are followed by us.
"""

from twinstage.scene.mtlx.layer import mtlx_layer_text

__all__ = ["mtlx_layer_text"]
