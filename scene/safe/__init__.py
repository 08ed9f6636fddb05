"""A stage is untrusted input: what it may read, how much it may hold, and where it is tried first.

- `limits`: every bound, one table.
- `screen`, `expressions`, `scrub`, `metadata`: before anything composes, the graph of layers is walked with Sdf alone, and
  what leaves the allowed folders, or what makes the USD library hang, is taken out in memory; files stay as they are.
- `expansion`: what instances and point instancers expand to, by arithmetic, before anything expands.
- `archive`, `images`: packages and pictures by their headers, before they are decoded.
- `finite`: numbers that are not finite, or beyond all use, in transforms.
- `examiner` (parent) and `child`: one process that tries files in turn under limits; `landlock` is the kernel's own wall.
"""
