"""What was, kept: every reading that was taken, and everything that the state depends on.

- `blobs`: columns and journal entries as bytes;
- `hotlog`: an append-only SQLite file, the journal of a running ingest (effects: files);
- `checkpoint`: all of an ingest as bytes; `recovery`: an ingest as it was, from the last checkpoint and what followed;
- `recorder`: keeps all of this while a twin runs, beside its ticks (effects: files, threads, sleep);
- `rows`, `store`, `archive`: hourly Parquet in a folder or an object store (effects: files, network); `locks`; `faults`;
- `query`: questions to the archive and the hot log as one; `snapshots`: what makes a state at any moment quick;
- `playback`: an ingest that tells the past again; `backfill`: what was missed; `moments`: times as people write them.

Event times are int64 ns UTC everywhere; nothing here reads a clock, but for the recorder's pace.
"""
