"""Which of the real files are at fault, judged by hand; all others that compose by the manifest are clean.

By file below ../shared/assets: the codes that may be told as errors, and why they are right.
"""

import csv
from pathlib import Path

_API = "a material is bound without MaterialBindingAPI, as exporters did before USD 22"
KNOWN: dict[str, tuple[set[str], str]] = {
    "features/cookbook/set_kind/usda/base.usda": ({"prim.nested-gprim"}, "spheres below a Sphere"),
    "features/ovrtx/cube_stacks_scene.usda": ({"asset.unresolved"}, "checkerboard.png is not in the pack"),
    "features/ovrtx/simple_scene_animated.usda": ({"asset.unresolved"}, "checkerboard.png is not in the pack"),
    "features/ovrtx/simple_scene_semantic_labels.usda": ({"asset.unresolved"}, "checkerboard.png is not in the pack"),
    "features/ovrtx/simple_camera.usda": ({"stage.default-prim"}, "defaultPrim is World, which is only a scope of overs"),
    "features/pixar/domelight/invisDome.usda": ({"asset.unresolved"}, "maps not in the pack (manifest)"),
    "features/pixar/domelight/multiDomeLights.usda": ({"asset.unresolved"}, "maps not in the pack (manifest)"),
    "features/pixar/geomsubsets/testUsdImagingGLGeomSubsets.usda": (
        {"asset.unresolved", "primvar.length", "xform.missing-op", "stage.default-prim"},
        "Ptex files are not in the pack; faults that the test holds on purpose",
    ),
    "features/pixar/instancing/instance.usda": ({"asset.unresolved"}, "textures not in the pack"),
    "features/pixar/instancing/instance2.usda": ({"asset.unresolved"}, "textures not in the pack"),
    "features/pixar/instancing/instance3.usda": ({"asset.unresolved"}, "textures not in the pack"),
    "features/pixar/pointinstancer/pi_bad_schema_input.usda": (
        {"instancer.lengths", "instancer.prototype-range"}, "broken on purpose",
    ),
    "features/pixar/pointinstancer/pi_varying.usda": ({"instancer.lengths"}, "lists change length at different times"),
    "features/pixar/previewsurface/testPreviewSurfaceFallbackTexture.usda": ({"asset.unresolved"}, "missing on purpose"),
    "features/pixar/previewsurface/testPreviewSurfaceNormalMap.usda": ({"xform.missing-op"}, "steps that are not authored"),
    "features/pixar/previewsurface/testPreviewSurfaceTextureFallback.usda": ({"asset.unresolved"}, "missing on purpose"),
    "features/pixar/previewsurface/testPreviewSurfaceTextureNoFile.usda": ({"attribute.type"}, "fallback is float3"),
    "features/pixar/previewsurface/testPreviewSurfaceTextureScaleAndBias.usda": ({"asset.unresolved"}, "not in the pack"),
    "features/pixar/previewsurface/testPreviewSurfaceTextureWithToken.usda": (
        {"attribute.type", "asset.unresolved"}, "fallback is float3; a texture that is not in the pack",
    ),
    "features/pixar/udim/usdUdimsSymlinked.usda": ({"asset.unresolved"}, "its links are not in the pack"),
    "features/pixar/udim/usdUdimsTextureFallback.usda": ({"asset.unresolved"}, "tiles missing on purpose"),
    **{
        f"features/tinyusdz/{name}": ({"material.binding-api"}, _API)
        for name in (
            "blendshape.usda", "blendshape.usdc", "cube-indexed-primvar-timesampled.usda", "cube-indexed-primvar.usda",
            "cube.usdz", "geomsubset-001.usda", "geomsubset-material-001.usda", "geomsubset-test-001.usda",
            "texture-cat-plane-token-var.usda", "texture-cat-plane.usdc",
        )
    },
    **{
        f"features/tinyusdz/{name}": ({"material.binding-api", "asset.backslash"}, "backslashes in a path")
        for name in ("texturedcube.usda", "texturedcube.usdc")
    },
    "features/usd_optimize/geomSubset_materialBinding.usda": ({"subset.family-name"}, "no family, on purpose"),
    "features/usd_optimize/invalidNormals.usda": ({"mesh.normals"}, "broken on purpose"),
    "features/usd_optimize/invalidPrimvars.usda": ({"primvar.length"}, "broken on purpose"),
    "features/usd_optimize/various_construction_arcs.usda": (
        {"asset.unresolved", "stage.default-prim", "arc.no-prim"}, "its sublayer is not in the pack",
    ),
    "features/usdwg/TextureTransformTest/TextureTransformTest.usd": ({"attribute.type"}, "inputs:in is a token"),
    "features/usdwg/foundation/stage_composition/payload/payload_invalid.usda": ({"asset.unresolved"}, "broken on purpose"),
    "features/usdwg/foundation/stage_composition/purpose.usda": ({"token.invalid"}, "purpose = other"),
    "features/usdwg/foundation/stage_composition/references/reference_invalid.usda": ({"asset.unresolved"}, "on purpose"),
    "features/usdwg/foundation/stage_composition/references_prim/reference_prim_in_other_file.usda": (
        {"asset.unresolved", "arc.no-prim"}, "broken on purpose",
    ),
    "features/usdwg/foundation/stage_composition/references_prim/reference_prim_in_same_file.usda": (
        {"arc.no-prim"}, "broken on purpose",
    ),
    "features/usdwg/foundation/stage_composition/subLayer/sublayer_invalid.usda": ({"asset.unresolved"}, "broken on purpose"),
    **{
        f"features/usdwg/foundation/stage_configuration/{name}": ({code}, "broken on purpose")
        for name, code in (
            ("framesPerSecond/framesPerSecond_-1.usda", "stage.unreadable"),
            ("framesPerSecond/framesPerSecond_0.usda", "stage.unreadable"),
            ("invalid_defaultPrim/invalid_defaultPrim.usda", "stage.default-prim"),
            ("start_end_timeCode/start_end_timeCodes_swapped.usda", "stage.time-range"),
            ("timeCodesPerSecond/timeCodesPerSecond_-1.usda", "stage.time-rate"),
            ("timeCodesPerSecond/timeCodesPerSecond_0.usda", "stage.time-rate"),
            ("upAxis/upAxis_X.usda", "stage.up-axis"),
            ("upAxis/upAxis_invalid.usda", "stage.up-axis"),
        )
    },
    "features/usdwg/schemaTests/usdGeom/meshes/normals_types/normalsTypes.usda": (
        {"primvar.length", "attribute.type"}, "every wrong type of normals, on purpose",
    ),
    "features/usdwg/schemaTests/usdGeom/meshes/points_types/pointsTypes.usda": (
        {"mesh.points-type", "attribute.type"}, "every wrong type of points, on purpose",
    ),
    "full/StandardShaderBall/standard_shader_ball_scene.usda": (
        {"asset.unresolved"}, "two files are not in the pack (manifest)",
    ),
    "full/Teapot/geo/FancyTeapot.usd": ({"stage.default-prim"}, "defaultPrim is Fancy, the root FancyTeapot"),
    **{
        f"industrial/f1tenth_ackermann/{name}.usd": (
            {"asset.unresolved", "material.binding-api"}, "parts on the network, and a part that is not in the pack (manifest)",
        )
        for name in ("F1Tenth", "F1Tenth_ROS", "Lapper", "Make_Asset", "Racing_Grid", "Racing_Grid_Start", "Reparenting",
                     "Track", "CAD_Imports/Template_3/Full_Car_base")
    },
    "industrial/usd_optimize/editStageMetrics_physics.usda": ({"material.collection"}, "two targets on one binding"),
    "industrial/usd_optimize/license_plate.usd": ({"asset.unresolved", "material.binding-api"}, "texture not in the pack"),
    "industrial/usd_optimize/twoMeshesWithBimData.usd": (
        {"shader.dead-connection", "material.binding-api"}, "connections to shaders that were left out",
    ),
}  # fmt: skip


def clean(shared: Path) -> list[str]:
    """Files of the manifest that open, compose without an error and are not at fault by hand."""
    with (shared / "assets" / "MANIFEST.csv").open() as table:
        rows = [row for row in csv.DictReader(table) if row["composition_errors"] == "0" and not row["error"]]
    return [row["file"] for row in rows if row["file"] not in KNOWN]


def false_errors(shared: Path, paths: list[Path], workers: int) -> list[tuple[str, str, str, str]]:
    """Errors that are told of files by the product's public functions and that the list above does not know."""
    from twinstage.assets.check import Asked
    from twinstage.assets.check_folder import check_all, usd_files

    home = shared / "assets"
    found = []
    for checked in check_all(usd_files(paths), Asked((str(home),)), workers):
        file = Path(checked.file).relative_to(home).as_posix()
        allowed = KNOWN.get(file, (set(), ""))[0]
        found += [
            (file, f.code, f.path, f.message)
            for f in checked.findings
            if f.severity == "error" and f.code not in allowed
        ]
    return found
