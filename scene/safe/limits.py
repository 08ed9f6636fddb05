"""Every bound on a stage, in one place. `docs/safety.md` shows the table, and a test compares the two."""

MAX_LAYERS = 20_000
"""Layers that one stage may reach, those of variants that are not selected included."""
MAX_COMBINATIONS = 4_096
"""Combinations of variable values that are tried for one expression in an asset path."""
MAX_CLIPS = 100_000
"""Value clips that one template may ask for."""
MAX_PRIMS = 4_000_000
"""Prims of a stage, instance proxies included: about 100 bytes each in a table, 2 million of which take a second."""
MAX_DRAWINGS = 20_000_000
"""Gprims that point instancers draw, nested ones multiplied."""
MAX_PACKAGE_BYTES = 8 << 30
"""Contents of a .usdz package, all entries together."""
MAX_PACKAGE_ENTRIES = 100_000
"""Entries of a .usdz package."""
MAX_KEYPOINTS = 2_000_000
"""Key points of all prims that hold some, or of one instancer's points."""
MAX_IMAGE_BYTES = 512 << 20
"""An image file, as stored."""
MAX_IMAGE_PIXELS = 1 << 27
"""Pixels of an image (16,384 x 8,192), known from its header before anything is decoded."""
MIN_TIME_RATE, MAX_TIME_RATE = 1e-3, 1e9
"""Time codes a second; USD hangs on rates that turn time samples into infinities."""
MAX_TIME_OFFSET = 1e12
"""Time codes by which a sublayer may be moved."""
MIN_TIME_SCALE, MAX_TIME_SCALE = 1e-6, 1e6
"""Factors by which the time of a sublayer may be stretched."""
MAX_COORDINATE_M = 1e12
"""Entries of a transform, in the world and along the way to it [m]: six times the distance to the sun."""
