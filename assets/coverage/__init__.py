"""How much of what cameras see has a class: pixels without a label, and pixels whose class is ambiguous.

- `standing` says what labels of one taxonomy make of an object: plain data;
- `views` chooses cameras and counts pixels, from the exact rays of the label pass;
- `tally` puts the counts together by prim and class, with the rules that would label what has no label;
- `picture` paints what was counted; `text` writes it for a terminal.

Stages are read by `scene`; only the command writes files.
"""

from twinstage.assets.coverage.tally import Coverage, cover
from twinstage.assets.coverage.views import chosen_views

__all__ = ["Coverage", "chosen_views", "cover"]
