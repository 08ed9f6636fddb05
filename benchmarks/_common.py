"""What every benchmark prints, and on which machine."""

import json
import os
import platform
import statistics
from collections.abc import Sequence


def machine() -> str:
    """Cores, processor and Python of this machine."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            model = next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def figure(name: str, samples: Sequence[float], unit: str, conditions: str, **more: object) -> None:
    """Print one figure: the median of its samples, as soon as it is known."""
    rounded = [round(sample, 4) for sample in samples]
    record = {
        "figure": name,
        "value": statistics.median(rounded),
        "unit": unit,
        "samples": rounded,
        "machine": machine(),
        "conditions": conditions,
        **more,
    }
    print(json.dumps(record), flush=True)
