"""A searchable catalogue of USD assets in folders.

- `entry` is what is known of an asset: plain data;
- `look` reads it off a file, `draw` makes a small picture of it, `used` tells which files the prims of a stage refer to: in the
  child that tries foreign files;
- `scan` goes through folders and tells what uses what; `remembered` keeps what was read;
- `thumbnails` finds the picture of an entry, or has one drawn, and keeps it; `drawing` does so for all that have none;
- `usage` asks which assets a stage uses;
- `query` finds entries by words and facts; `facets` counts them by field; `text` writes them for a terminal.

Only `look`, `draw` and `used` touch `pxr`; `scan`, `remembered`, `thumbnails`, `drawing` and `usage` touch files; the others
are pure.
"""
