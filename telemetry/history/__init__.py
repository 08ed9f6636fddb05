"""What was, kept: every reading that was taken, and everything that the state depends on.

- `blobs`: columns and journal entries as bytes;
- `hotlog`: an append-only SQLite file, the journal of a running ingest (effects: files);
- `checkpoint`: all of an ingest as bytes; `recovery`: an ingest as it was, from the last checkpoint and what followed.

Event times are int64 ns UTC everywhere; nothing here reads a clock.
"""
