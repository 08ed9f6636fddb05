"""UsdPreviewSurface as Dr.Jit functions: what a surface sends back, and where it is worth looking.

The text of UsdPreviewSurface and its reference (OpenUSD's previewSurface.glslfx) say: Lambert, GGX under Schlick's Fresnel
with F0 and F90 by workflow, a clear coat with the F0 of `ior`. Three things are done as path tracers do them, so that
energy is kept: what the gloss reflects in all (`microfacets.albedo_table`) is taken off what lies below; light that
bounces between facets is put back (Turquin 2019); the coat takes off the base what it reflects. A white matt surface and
a white metal in a white room are therefore white, at any roughness.

Surfaces show both sides. Values hold the cosine. Whatever depends on the view only is worked out once a hit.
"""

from dataclasses import dataclass
from typing import Any

from twinstage.render.mi.runtime import Mitsuba
from twinstage.render.mi.surfaces import LEAST_ROUGHNESS, SurfaceTable


@dataclass(frozen=True, slots=True)
class Surface:
    """Hits and all that is looked up there.

    `side` is -1 where the back is seen; `frame` faces the viewer, `view` is in it. Colours: `matt` (what Lambert keeps),
    `f0`, `f90`, `gain` (light between facets), `coat_f0`; `gloss` and `coat_share`: how often to follow which lobe.
    """

    si: Any
    active: Any
    row: Any
    normal: Any
    frame: Any
    view: Any
    matt: Any
    f0: Any
    f90: Any
    gain: Any
    alpha: Any
    gloss: Any
    coat: Any
    coat_alpha: Any
    coat_f0: Any
    coat_share: Any
    glow: Any


def surface_at(runtime: Mitsuba, table: SurfaceTable, si: Any, corner: Any, active: Any) -> Surface:
    """The surface at hits; `corner`: the weights of the second and third corner of the triangle (mi.Point2f)."""
    mi, dr = runtime.mi, runtime.dr
    active = active & si.is_valid()
    row = table.rows(si, active)
    first, second = table.quad(row, 0, active), table.quad(row, 1, active)
    frame = _frame(runtime, table, si, row, active)
    view = frame.to_local(si.to_world(si.wi))
    view = mi.Vector3f(view.x, view.y, dr.maximum(view.z, 1e-4))

    color = table.value("diffuseColor", si, row, first, active)
    color = table.painted(si, corner, color, active)
    roughness = dr.maximum(table.value("roughness", si, row, first, active), LEAST_ROUGHNESS)
    metallic = table.value("metallic", si, row, second, active)
    fifth = table.quad(row, 4, active)
    metallic = dr.maximum(metallic, 0.0)
    tint = dr.lerp(mi.Color3f(1.0), color, metallic)
    plain = dr.lerp(fifth[0], 1.0, metallic)
    f0, f90 = plain * tint, tint
    # What lies below gets what a white surface of that metallic lets through.
    below0 = mi.Color3f(plain)
    if table.features.specular:
        chosen = second[0] < 0.0
        special = table.value("specularColor", si, row, table.quad(row, 3, active), active)
        f0, below0 = dr.select(chosen, special, f0), dr.select(chosen, special, below0)
        f90 = dr.select(chosen, mi.Color3f(1.0), f90)
    a, b = table.microfacets.albedo(roughness, view.z)
    lost = (1.0 - a - b) / dr.maximum(a + b, 1e-3)
    gain = _gain(f0, f90, lost)
    shiny = (f0 * a + f90 * b) * gain
    matt = color * dr.maximum(1.0 - (below0 * a + b) * _gain(below0, 1.0, lost), 0.0)
    if table.features.masked:
        opacity, hole = table.opacity(si, row, active)
        matt *= dr.select(hole, 1.0, opacity)
    coat = coat_alpha = coat_f0 = coat_share = None
    base = mi.Float(1.0)
    if table.features.coated:
        coat = table.value("clearcoat", si, row, second, active)
        coat_roughness = dr.maximum(
            table.value("clearcoatRoughness", si, row, second, active), LEAST_ROUGHNESS
        )
        coat_f0, coat_alpha = fifth[0], dr.square(coat_roughness)
        a, b = table.microfacets.albedo(coat_roughness, view.z)
        coat_share = coat * (coat_f0 * a + b)
        base = 1.0 - coat_share
        matt, gain, shiny = matt * base, gain * base, shiny * base
    bright, dull = dr.mean(shiny), dr.mean(matt)
    # Gloss gets at least a sixth where there is anything matt: it is what fizzes.
    gloss = dr.select(dull > 1e-4, dr.clip(bright / (bright + dull), 1.0 / 6.0, 0.95), 1.0)
    if coat_share is not None:
        total = bright + dull + coat_share
        coat_share = dr.select(coat_share > 0.0, dr.clip(coat_share / total, 0.1, 0.9), 0.0)
    glow = mi.Color3f(0.0)
    if table.features.glowing:
        glow = table.value("emissiveColor", si, row, table.quad(row, 2, active), active)
        glow = dr.select(active, glow, 0.0)
    side = dr.select(dr.dot(si.n, si.to_world(si.wi)) < 0.0, -1.0, 1.0)
    return Surface(
        si=si, active=active, row=row, normal=si.n * side, frame=frame, view=view, matt=matt, f0=f0, f90=f90,
        gain=gain, alpha=dr.square(roughness), gloss=gloss, coat=coat, coat_alpha=coat_alpha, coat_f0=coat_f0,
        coat_share=coat_share, glow=glow,
    )  # fmt: skip


def _gain(f0: Any, f90: Any, lost: Any) -> Any:
    """What bounces between facets, put back: 1 / 21 is the mean of Schlick's Fresnel from F0 to F90."""
    return 1.0 + (f0 + (f90 - f0) * (1.0 / 21.0)) * lost


def _frame(runtime: Mitsuba, table: SurfaceTable, si: Any, row: Any, active: Any) -> Any:
    """The shading frame with its normal map, turned to the viewer.

    A map's red goes along u, its green along v upwards, blue outwards, also where uv are mirrored. Meshes carry (u, 1 - v),
    so v upwards is -dp/dv. The back of a surface has the normal of its front, reversed.
    """
    mi, dr = runtime.mi, runtime.dr
    normal, view = si.sh_frame.n, si.to_world(si.wi)
    if table.has_image("normal"):
        bumpy = active & table.bumpy(row, active)
        value = table.value("normal", si, row, None, bumpy) * 2.0 - 1.0
        along = si.dp_du - normal * dr.dot(normal, si.dp_du)
        across = dr.cross(normal, along)
        across *= dr.select(dr.dot(across, si.dp_dv) > 0.0, -1.0, 1.0)
        flat = dr.squared_norm(along) > 0.0
        bent = dr.normalize(along) * value.x + dr.normalize(across) * value.y + normal * value.z
        usable = bumpy & flat & (dr.squared_norm(bent) > 1e-8)
        normal = dr.select(usable, dr.normalize(bent), normal)
    normal = dr.select(dr.dot(si.n, view) < 0.0, -normal, normal)
    # A normal that looks away from the viewer is bent until it does not.
    cosine = dr.dot(normal, view)
    normal = dr.select(cosine < 1e-3, dr.normalize(normal + view * (1e-3 - cosine)), normal)
    return mi.Frame3f(normal)


def reflected(runtime: Mitsuba, table: SurfaceTable, surface: Surface, toward: Any) -> tuple[Any, Any]:
    """Matt and glossy part (Color3f) of what light from `toward` (world) is reflected, times its cosine."""
    mi, dr = runtime.mi, runtime.dr
    out = surface.frame.to_local(toward)
    lit = surface.active & (out.z > 0.0) & (dr.dot(surface.normal, toward) > 0.0)
    half = dr.normalize(out + surface.view)
    edge = 1.0 - dr.clip(dr.dot(half, out), 0.0, 1.0)
    edge = dr.square(dr.square(edge)) * edge
    facets = table.microfacets
    shiny = dr.lerp(surface.f0, surface.f90, edge) * surface.gain
    shiny *= facets.reflected(surface.alpha, half, surface.view, out)
    if surface.coat is not None:
        above = surface.coat * (surface.coat_f0 + (1.0 - surface.coat_f0) * edge)
        shiny += above * facets.reflected(surface.coat_alpha, half, surface.view, out)
    cosine = dr.select(lit, out.z, 0.0)
    return surface.matt * (cosine * dr.inv_pi), dr.select(lit, shiny * out.z, mi.Color3f(0.0))


def direction(runtime: Mitsuba, table: SurfaceTable, sampler: Any, surface: Surface) -> Any:
    """A direction (world) where the surface reflects: its coat, gloss or matt part by chance."""
    mi, dr = runtime.mi, runtime.dr
    chance, number = sampler.next_1d(surface.active), sampler.next_2d(surface.active)
    alpha = surface.alpha
    gloss = surface.gloss
    if surface.coat is not None:
        coated = chance < surface.coat_share
        chance = (chance - surface.coat_share) / (1.0 - surface.coat_share)
        alpha = dr.select(coated, surface.coat_alpha, alpha)
        gloss = dr.select(coated, 1.0, gloss)
    mirrored = table.microfacets.sample(alpha, surface.view, number)
    matt = mi.warp.square_to_cosine_hemisphere(number)
    return surface.frame.to_world(dr.select(chance < gloss, mirrored, matt))


def direction_pdf(runtime: Mitsuba, table: SurfaceTable, surface: Surface, toward: Any) -> Any:
    """Density of `direction` for a direction in the world."""
    dr = runtime.dr
    out = surface.frame.to_local(toward)
    half = dr.normalize(out + surface.view)
    facets = table.microfacets
    found = dr.lerp(out.z * dr.inv_pi, facets.pdf(surface.alpha, half, surface.view), surface.gloss)
    if surface.coat is not None:
        found = dr.lerp(found, facets.pdf(surface.coat_alpha, half, surface.view), surface.coat_share)
    usable = (out.z > 0.0) & (dr.dot(surface.normal, toward) > 0.0)
    return dr.select(usable, found, 0.0)


def passing(runtime: Mitsuba, table: SurfaceTable, si: Any, active: Any) -> tuple[Any, Any]:
    """Share of light that passes straight through hits, and whether through a hole.

    Glass (`opacityMode` transparent) reflects as it would without its opacity, so what passes is what is neither matt nor
    reflected: (1 - opacity) * (1 - F), F by Schlick from `ior` or the specular colour's mean.
    """
    dr = runtime.dr
    row = table.rows(si, active)
    opacity, hole = table.opacity(si, row, active)
    fourth = table.quad(row, 3, active)
    metallic = table.quad(row, 1, active)[0]
    special = (fourth[0] + fourth[1] + fourth[2]) * (1.0 / 3.0)
    f0 = dr.select(metallic < 0.0, special, table.quad(row, 4, active)[0])
    edge = 1.0 - dr.abs(dr.dot(si.sh_frame.n, si.to_world(si.wi)))
    edge = dr.clip(edge, 0.0, 1.0)
    fresnel = f0 + (1.0 - f0) * dr.square(dr.square(edge)) * edge
    share = (1.0 - opacity) * dr.select(hole, 1.0, 1.0 - fresnel)
    return dr.select(active, share, 0.0), hole
