"""A searchable catalogue of USD assets in folders.

- `entry` is what is known of an asset: plain data;
- `look` reads it off a file, in the child that tries foreign files;
- `scan` goes through folders, remembers what it has read, and tells what uses what;
- `query` finds entries by words and facts; `text` writes them for a terminal.

Only `look` touches `pxr`; `scan` reads folders; `query` and `text` are pure.
"""
