"""The corpus is a few plain modules beside the tests; `scripts/soak_doctor.py` imports them in the same way."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
