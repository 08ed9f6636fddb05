"""Our own rules about USD files, as a table: one small function a rule.

- `table`: what a rule is, how one is registered, and what runs all rules about a subject;
- `stage`, `arcs`, `names`: the file as a whole, what it refers to, what its prims are called;
- `xforms`, `instancers`, `tokens`, `shading`, `textures`: rules about prims of a kind, and about image files;
- `meshes` reads a mesh into plain arrays once; `topology` and `surface` are the rules about it, pure numpy;
- `budget`: triangles and texture memory against limits that the user gave, prim by prim;
- `validators` and `nvidia`: what other tools say, under our codes and in our words; `told`: the codes of the safe opening
  and of the readers.

`rows()` is the whole table: `assets check --list-rules` prints it, and docs/findings.md is made from it.
"""

from twinstage.assets.rules import (
    arcs,
    budget,
    instancers,
    names,
    nvidia,
    shading,
    stage,
    surface,
    textures,
    tokens,
    told,
    topology,
    validators,
    xforms,
)
from twinstage.assets.rules.table import Fault, Rule, about, rows, rule_of

__all__ = [
    "Fault",
    "Rule",
    "about",
    "arcs",
    "budget",
    "instancers",
    "names",
    "nvidia",
    "rows",
    "rule_of",
    "shading",
    "stage",
    "surface",
    "textures",
    "tokens",
    "told",
    "topology",
    "validators",
    "xforms",
]  # fmt: skip
