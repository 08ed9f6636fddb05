"""Command line: write the starter set's files, beside this package or into the folder given as the only argument."""

import sys
from pathlib import Path

from twinstage.assets.library.build_starter.shelf import files


def main(arguments: list[str]) -> None:
    """Write all files below the folder."""
    out = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent / "starter"
    for name, data in files().items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main(sys.argv[1:])
