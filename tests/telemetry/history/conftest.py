"""`made` is imported by its bare name here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
