"""The seek figure of `ingest.py`: the state at any moment of ten million rows."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _common import figure

ROWS = 10_000_000
BATCH = 10_000
SEEKS = 40


def bench_seek(made: Any, start_ns: int, signals: int) -> None:
    """Fill a history, then ask for states at random moments: while all is in the hot log, and when it lies in Parquet."""
    from twinstage.telemetry.history.archive import compact
    from twinstage.telemetry.history.query import History
    from twinstage.telemetry.history.recorder import open_recorder
    from twinstage.telemetry.ingest import Ingest
    from twinstage.telemetry.numbers import ColumnBatch

    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as name:
        folder, ingest = Path(name), Ingest(made)
        recorder = open_recorder(folder, ingest)
        signal = np.tile(np.arange(signals, dtype=np.uint32), BATCH // signals)
        for k in range(ROWS // BATCH):
            time_ns = start_ns + (np.arange(BATCH) + k * BATCH) * 200_000  # 5,000 readings a second
            ingest.offer_columns("plant", ColumnBatch(signal, time_ns, rng.uniform(0, 100, BATCH)), start_ns)
            recorder.after_advance(ingest.advance(start_ns))
            recorder.commit()
        digest = ingest.state.digest()
        end_ns = ingest.watermark_ns
        recorder.close()
        with History(folder) as history:
            for where in ("hot log", "archive"):
                if where == "archive":
                    compact(history.log, all_=True)
                assert history.state_at(made, end_ns).digest() == digest  # and what is loaded once is loaded
                taken = []
                for moment in rng.integers(start_ns, end_ns, SEEKS).tolist():
                    begin = time.perf_counter()
                    history.state_at(made, moment)
                    taken.append((time.perf_counter() - begin) * 1000)
                p95 = float(np.percentile(taken, 95))
                more = {"p50": round(float(np.median(taken)), 2)}
                label = "ingest.seek_10m_rows_p95" if where == "archive" else "ingest.seek_10m_rows_hot_p95"
                conditions = (
                    f"{SEEKS} random moments in {ROWS:,} rows of {signals:,} signals, all in the {where}"
                )
                figure(label, [p95], "ms", conditions, **more)
