"""Runs every benchmark and rewrites docs/figures.md from what they print. Arguments are handed on (`--quick`).

With `--script NAME` first it is benchmarks/NAME.py alone, and the page keeps the lines of the others.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run_script(script: Path, arguments: list[str]) -> list[dict[str, object]]:
    """The JSON lines that one benchmark printed, passed through to standard output as they come."""
    rows = []
    with subprocess.Popen(
        [sys.executable, str(script), *arguments], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            print(line, end="", flush=True)
            rows.append(json.loads(line))
    if child.returncode:
        sys.exit(f"{script.name} ended with exit code {child.returncode}")
    return rows


def page(rows: list[dict[str, object]], kept: list[str]) -> str:
    """docs/figures.md; `kept`: lines of its table that stay, before the new ones."""
    lines = [
        "# Figures",
        "",
        "Medians, as `make bench` printed them last. Machines are noisy: read them as sizes, not as promises.",
        "",
        "| figure | value | unit | conditions | peer | ratio |",
        "|---|---|---|---|---|---|",
        *kept,
    ]
    for row in rows:
        peer = f"{row['peer']}: {row['peer_value']}" if "peer" in row else "-"
        cells = [
            row["figure"],
            f"{row['value']:g}",
            row["unit"],
            row["conditions"],
            peer,
            row.get("ratio", "-"),
        ]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    machines = sorted({str(row["machine"]) for row in rows})
    return "\n".join([*lines, "", f"Machine: {'; '.join(machines)}.", ""])


def others(kept: list[str], rows: list[dict[str, object]]) -> list[str]:
    """The lines of figures that were not printed anew."""
    anew = tuple(f"| {row['figure']} " for row in rows)
    return [line for line in kept if not line.startswith(anew)]


def main() -> None:
    """All scripts of benchmarks/ but the helpers, whose names begin with an underscore."""
    arguments, wanted, kept = sys.argv[1:], "[!_]*", []
    target = ROOT / "docs" / "figures.md"
    if arguments[:1] == ["--script"]:
        wanted, arguments = arguments[1], arguments[2:]
        lines = target.read_text("utf-8").splitlines()
        kept = [line for line in lines if "." in line.split(" | ")[0] and line.startswith("| ")]
    rows: list[dict[str, object]] = []
    for script in sorted((ROOT / "benchmarks").glob(f"{wanted}.py")):
        rows += run_script(script, arguments)
    target.write_text(page(rows, others(kept, rows)), "utf-8")


if __name__ == "__main__":
    main()
