"""Tests here share helpers by the bare names of their files, and the clients and networks of the stream's tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "sync" / "faults"))

from peers import node

__all__ = ["node"]
