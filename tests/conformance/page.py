"""docs/usd-support.md, made from the table of features and a run over all files of the manifest."""

from dataclasses import dataclass
from pathlib import Path

from conformance.blender import GAPS, OTHERWISE, STAGES, our_triangles
from conformance.evidence import found_in
from conformance.features import FEATURES, Feature
from conformance.files import examine, manifest
from conformance.reading import Library

HEAD = """# What of OpenUSD is read, and what shows it

Made by `python scripts/usd_support.py` from `tests/conformance`; a test compares this page with its source.

Each row is a feature with a test of its own. The test opens every file named here, checks that the file has the feature, and
compares the snapshot with pxr's own computations: `UsdGeom.XformCache`, `Imageable.ComputeVisibility` and `ComputePurpose`,
`PointInstancer.ComputeInstanceTransformsAtTime` and `ComputeMaskAtTime`, `Boundable.ComputeExtentFromPlugins`, `BBoxCache`
without extent hints, `UsdSemantics.LabelsQuery`, `MaterialBindingAPI.ComputeBoundMaterial`, `UsdShade` inputs,
`PrimvarsAPI`, `Camera.GetCamera`, `UsdLux.LightAPI`, `UsdSkel.BakeSkinning`. It does so for every prim, instance proxy and
point instance, at the stage's start and, where anything is animated, at one moment more.

- **exact**: equal to pxr's answer (matrices to 1e-9, points to float32, intrinsic shapes within their chord error).
- **nearest**: read as the nearest thing, within bounds that the test checks; where something is lost, a finding says so.
- **finding**: left out, and a finding names the prim and the reason.
"""


@dataclass
class Run:
    """A run over the real files: how many have each feature; how many read as pxr says; refusals and differences by file."""

    total: int
    equal: int
    counts: dict[str, int]
    refused: dict[str, str]
    different: dict[str, int]
    triangles: dict[str, int]


def run(library: Library) -> Run:
    """Read all files of the manifest."""
    rows = manifest(library.folder)
    out = Run(len(rows), 0, {feature.id: 0 for feature in FEATURES}, {}, {}, {})
    for row in rows:
        verdict = examine(library, row)
        if verdict.state == "refused":
            out.refused[row.file] = verdict.reason.removeprefix(f"stage {library.folder / row.file} ")
            continue
        out.equal += verdict.state == "equal"
        if verdict.problems:
            out.different[row.file] = len(verdict.problems)
        opened = library.read(row.file).opened
        if opened is not None:
            for name in found_in(opened.stage):
                out.counts[name] += 1
    for name in STAGES:
        out.triangles[name] = len(our_triangles(library.read(name)))
    return out


def feature_row(feature: Feature, count: int) -> str:
    """One row of the table; three files at most, own ones first."""
    own = [f"stages/{name}" for name in feature.own]
    files = [*own, *(name.rpartition("/")[2] for name in feature.real)]
    more = f" and {len(files) - 4} more" if len(files) > 4 else ""
    standing = f"not yet: {feature.gap}" if feature.gap else feature.standing
    return f"| `{feature.id}` | {feature.meaning} | {standing} | {count} | {', '.join(files[:4])}{more} |"


def page(result: Run) -> str:
    """The whole page."""
    refused = len(result.refused)
    lines = [
        HEAD,
        f"Of the {result.total} USD files of the shared assets, {result.equal} read as pxr says, {refused} "
        f"end{'s' if refused == 1 else ''} with a sentence, and {len(result.different)} differ for a known reason. "
        "All that open do so with the prim, mesh and triangle counts of their manifest (more prims where .mtlx files are "
        "composed, too), and all their shapes bake to GLB that the Khronos validator accepts.",
        "",
    ]
    for area in dict.fromkeys(feature.area for feature in FEATURES):
        lines += [
            f"## {area}",
            "",
            "| feature | what is read | how | real files | shown by |",
            "|---|---|---|---:|---|",
        ]
        lines += [feature_row(f, result.counts[f.id]) for f in FEATURES if f.area == area]
        lines.append("")
    lines += ["## Files that end with a sentence", "", "| file | reason |", "|---|---|"]
    lines += [f"| {Path(name).name} | {reason} |" for name, reason in sorted(result.refused.items())]
    lines.append("")
    if result.different:
        lines += ["## Files that differ", "", "| file | lines |", "|---|---:|"]
        lines += [f"| {name} | {count} |" for name, count in sorted(result.different.items())]
        lines.append("")
    lines += _blender(result)
    return "\n".join(lines).rstrip() + "\n"


def _blender(result: Run) -> list[str]:
    lines = [
        "## Against Blender",
        "",
        "Blender 5.0's own USD import, with a USD of its own and in a process of its own, gives the same triangles in "
        "world space (corners within 2e-6 of the largest coordinate, the same turn) for:",
        "",
        "| stage | shows | triangles |",
        "|---|---|---:|",
    ]
    for name, shows in STAGES.items():
        gap = f" (not yet: {GAPS[name]})" if name in GAPS else ""
        lines.append(f"| {name} | {shows}{gap} | {result.triangles[name]:,} |")
    lines += [
        "",
        "`make soak-usd` compares every stage that draws polygon meshes only. These differ for reasons of Blender's:",
        "",
    ]
    lines += [f"- {Path(name).name}: {reason}." for name, reason in OTHERWISE.items()]
    return lines
