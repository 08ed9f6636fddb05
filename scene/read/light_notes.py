"""What a light asks for and pictures leave out: one finding each, so that nothing vanishes in silence."""

from typing import Any

from twinstage.scene.ies import IesError, parse_ies
from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.light_inputs import LightInputs
from twinstage.scene.snapshot import Light


def note_what_is_left_out(context: ReadContext, prim: Any, light: Light, inputs: LightInputs) -> None:
    """Findings about links, filters, profiles, connections, and kinds of light that no engine draws."""
    if str(prim.GetTypeName()) == "GeometryLight":
        inputs.note("light.mesh", "gives no light: a GeometryLight is read, but not drawn as one")
    if light.shaping is not None and light.shaping.ies:
        try:
            parse_ies(light.shaping.ies)
        except IesError as error:
            inputs.note("light.ies", f"has an IES profile that {error}; it shapes nothing")
    if not light.shadow and light.kind in ("dome", "mesh"):
        inputs.note(
            "light.shadow",
            "casts no shadow by its ShadowAPI; domes and gprims that are lights do all the same",
        )
    for name in ("lightLink", "shadowLink"):
        if not _links_all(prim, name):
            inputs.note(
                "light.link", f"is limited to some prims by its {name} collection; it lights everything"
            )
    filters = prim.GetRelationship("light:filters") or prim.GetRelationship("filters")
    if filters and filters.GetTargets():
        inputs.note("light.filter", f"has the filter {filters.GetTargets()[0]}, which is left out")
    for attribute in prim.GetAuthoredPropertiesInNamespace("inputs"):
        if hasattr(attribute, "HasAuthoredConnections") and attribute.HasAuthoredConnections():
            inputs.note(
                "light.connection", f"has {attribute.GetName()} connected to a shader; its own value is used"
            )


def _links_all(prim: Any, name: str) -> bool:
    """Whether that collection holds everything, as the schema says by default."""
    root = prim.GetAttribute(f"collection:{name}:includeRoot")
    if root and root.Get() is False:
        return False
    excludes = prim.GetRelationship(f"collection:{name}:excludes")
    if excludes and excludes.GetTargets():
        return False
    expression = prim.GetAttribute(f"collection:{name}:membershipExpression")
    return not (expression and expression.HasAuthoredValue())
