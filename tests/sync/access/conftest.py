"""Puts the helpers of these tests on the path, and their fixtures where they are found."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from access_desk import desk, serve

__all__ = ["desk", "serve"]
