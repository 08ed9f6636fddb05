"""Writes the table of rules into docs/findings.md: `python scripts/findings_page.py`."""

from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "findings.md"
BEGIN, END = "<!-- rules -->", "<!-- /rules -->"
WHO = {"": "ours", "screen": "safe opening", "readers": "readers", "labels": "label rules"}


def table() -> str:
    """All rules by area, as Markdown."""
    from twinstage.assets.fixes.child import fix_of
    from twinstage.assets.rules import rows

    lines, area = [], ""
    for row in rows():
        head = row.code.partition(".")[0]
        if head != area:
            area = head
            lines += [
                "",
                f"### {area}",
                "",
                "| rule | level | requirement | what is wrong | what to do | --fix | told by |",
            ]
            lines.append("|---|---|---|---|---|---|---|")
        mended = fix_of(row.code)
        fixed = "" if mended is None else "yes" if mended.same else "yes, changes the picture"
        cells = (
            f"`{row.code}`",
            row.level,
            row.requirement,
            row.title,
            row.fix,
            fixed,
            WHO.get(row.source, row.source),
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines).strip()


def main() -> None:
    """Replace what stands between the marks."""
    text = PAGE.read_text("utf-8")
    head, rest = text.split(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}", "utf-8")


if __name__ == "__main__":
    main()
