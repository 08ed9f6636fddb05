"""A budget of triangles and texture memory that the user gave, and who uses how much of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from twinstage.assets.rules.table import Rule, add
from twinstage.base.finding import Finding

MOST_TOLD = 10
TRIANGLES = add(Rule("budget.triangles", "error", "More triangles than the budget allows",
                     "decimate the meshes that are named, or make instances of what repeats"))  # fmt: skip
TEXTURES = add(Rule("budget.textures", "error", "More texture memory than the budget allows",
                    "save the textures that are named at half the size: a quarter of the memory"))  # fmt: skip
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """Most triangles drawn, most megabytes of decoded textures; None for no limit."""

    triangles: int | None = None
    texture_mb: float | None = None


def check_budget(
    budget: Budget, triangles: Mapping[str, int], textures: Mapping[str, tuple[str, int]]
) -> Iterator[Finding]:
    """`triangles` drawn by prim path; `textures`: (prim path, bytes on the card) by file name."""
    total = sum(triangles.values())
    if budget.triangles is not None and total > budget.triangles:
        yield Finding(TRIANGLES.code, "error", "", f"{total:,} triangles are drawn, the budget is {budget.triangles:,}",
                      TRIANGLES.fix)  # fmt: skip
        for path, count in sorted(triangles.items(), key=lambda row: (-row[1], row[0]))[:MOST_TOLD]:
            share = f"{count / total:.0%}"
            yield Finding(TRIANGLES.code, "info", path, f"{count:,} triangles, {share} of all", "")
    used = sum(size for _, size in textures.values())
    if budget.texture_mb is not None and used > budget.texture_mb * MB:
        message = f"textures take {used / MB:,.1f} MB on the graphics card, the budget is {budget.texture_mb:,.1f} MB"
        yield Finding(TEXTURES.code, "error", "", message, TEXTURES.fix)
        for name, (path, size) in sorted(textures.items(), key=lambda row: (-row[1][1], row[0]))[:MOST_TOLD]:
            yield Finding(
                TEXTURES.code,
                "info",
                path,
                f"{name!r} takes {size / MB:,.1f} MB, {size / used:.0%} of all",
                "",
            )
