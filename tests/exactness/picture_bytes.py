"""Run as a child: pictures and labels of one scene with so many threads; prints a hash of each.

    python picture_bytes.py THREADS STAGE

The process keeps to THREADS cores, and Dr.Jit's pool has as many threads.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ENGINES = ("raycast", "direct", "path")


def main() -> None:
    """Hashes as JSON."""
    threads = int(sys.argv[1])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import numpy as np

    from exactness import invariants, ours
    from exactness.eyes import facing, pinhole
    from twinstage.render.engines import open_engine
    from twinstage.render.mi.runtime import load_mitsuba

    library = load_mitsuba()
    if library.variant.startswith("llvm"):
        library.dr.set_thread_count(threads)
    snapshot = ours.read(Path(sys.argv[2]))
    eye = pinhole(96, 72, 1.1, facing((0.3, -3.2, 1.9), (0, 0.1, 0.4), 0.1))
    out = {"labels": invariants.digest(ours.labels(snapshot, eye))}
    for kind in ENGINES:
        capture = open_engine(kind=kind, spp=4, seed=3).render(snapshot, ours.camera(eye))
        rgb = np.ascontiguousarray(capture.aovs["rgb"])
        out[kind] = hashlib.sha256(rgb.tobytes()).hexdigest()
        out[f"{kind} levels"] = str(len(np.unique(rgb)))
    print(json.dumps(out))


if __name__ == "__main__":
    main()
