"""Writes docs/usd-support.md from tests/conformance: reads every USD file of the shared assets and compares it with pxr."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))


def main() -> int:
    from conformance.page import page, run
    from conformance.reading import Library

    assets = ROOT.parent / "shared" / "assets"
    if not assets.is_dir():
        print("usd_support: the shared asset folder ../shared is absent", file=sys.stderr)
        return 2
    (ROOT / "docs" / "usd-support.md").write_text(page(run(Library(assets))), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
