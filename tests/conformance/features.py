"""The table of USD features: what each means, how Twinstage reads it, and the files that prove it.

`standing`: `exact` (equal to pxr's own answer), `nearest` (drawn or read as the nearest thing, with a declared error or
a finding), `finding` (left out, and a finding says so). `gap`: a known difference; its test must fail until it is
closed, and then this entry goes. Files are relative to the real assets; `own` ones lie in `stages/`.
"""

from dataclasses import dataclass, field

PI = "features/pixar/pointinstancer/"
NI = "features/pixar/instancing/"
WG = "features/usdwg/foundation/"
GEOM = "features/usdwg/schemaTests/usdGeom/"
PS = "features/pixar/previewsurface/testPreviewSurface"
BOX = "features/pixar/xformops/testUsdGeomBBoxCache/"


@dataclass(frozen=True)
class Feature:
    """One row of the table."""

    id: str
    area: str
    meaning: str
    own: tuple[str, ...] = ()
    real: tuple[str, ...] = ()
    standing: str = "exact"
    gap: str = ""


@dataclass
class _Area:
    """Collects the rows of one area."""

    name: str
    rows: list[Feature] = field(default_factory=list)

    def row(
        self, id: str, meaning: str, own: str = "", real: str = "", standing: str = "exact", gap: str = ""
    ) -> None:
        """One feature; file names are separated by blanks."""
        self.rows.append(
            Feature(id, self.name, meaning, tuple(own.split()), tuple(real.split()), standing, gap)
        )


def _table() -> tuple[Feature, ...]:
    parts = {
        "Composition": _composition,
        "Time and units": _time,
        "Transforms": _transforms,
        "Visibility and purpose": _seen,
        "PointInstancer": _points,
        "Geometry": _geometry,
        "Primvars and subsets": _primvars,
        "Skinning": _skel,
        "Materials": _materials,
        "Lights and cameras": _lights,
        "Labels and physics": _labels,
    }
    found: list[Feature] = []
    for name, fill in parts.items():
        area = _Area(name)
        fill(area)
        found += area.rows
    return tuple(found)


def _composition(a: _Area) -> None:
    a.row(
        "references",
        "references to the default prim, a path, the same layer; one that does not resolve is a finding",
        "arcs.usda",
        f"{WG}stage_composition/references/reference_child_folder.usda "
        f"{WG}stage_composition/references/reference_parent_folder.usda "
        f"{WG}stage_composition/references/reference_invalid.usda "
        f"{WG}stage_composition/references_prim/reference_prim_in_other_file.usda industrial/f1tenth_ackermann/F1Tenth.usd",
    )
    a.row("reference-offsets", "time offset and scale of a reference", "arcs.usda")
    a.row(
        "payloads",
        "payloads, loaded or left unloaded by `load`",
        "arcs.usda labels.usda",
        f"{WG}stage_composition/payload/payload_child_folder.usda {WG}stage_composition/payload/payload_invalid.usda "
        f"industrial/abb_irb2400/usd/abb_irb2400.usda {BOX}unloadedCubeModel.usda",
    )
    a.row(
        "sublayers",
        "sublayers, the stronger one wins; one that does not resolve is a finding",
        "shot.usda",
        f"{WG}stage_composition/subLayer/sublayer_child_folder.usda {WG}stage_composition/subLayer/sublayer_invalid.usda "
        "industrial/f1tenth_ackermann/F1Tenth_ROS.usd",
    )
    a.row("sublayer-offsets", "time offset and scale of a sublayer", "shot.usda")
    a.row(
        "variants",
        "variant sets, nested and default selections",
        "arcs.usda",
        "full/Teapot/Teapot.usd full/Vehicles/assets/vehicles/vehicleVariants.usda features/pixar/endToEnd/Ball/Ball.usd "
        f"{PI}ni_pi_variant.usda",
    )
    a.row(
        "inherits",
        "inherits from a class",
        "arcs.usda",
        f"{WG}stage_composition/class_inherit.usda features/pixar/purpose/InheritedPurposes.usd",
    )
    a.row(
        "specializes",
        "specializes, the weakest arc",
        "arcs.usda",
        f"{WG}stage_composition/inherit_and_specialize.usda",
    )
    a.row(
        "overs-and-classes",
        "prims without a definition and classes are not drawn",
        "arcs.usda points.usda",
        f"{WG}stage_composition/over.usda {PI}pi_sibling_pi_over.usda",
    )
    a.row("active", "inactive prims are absent", "arcs.usda", f"{WG}stage_composition/active.usda")
    a.row(
        "instances",
        "native instances: every proxy with its own world, visibility, purpose and labels; one shared prototype",
        "instancing.usda",
        f"{NI}instancedCubes.usda {NI}instance2.usda {NI}instance3.usda {NI}internal_ni.usda "
        "features/pixar/purpose/InheritedPurposes_Instanced.usd industrial/aws_small_warehouse/small_warehouse.usda",
    )
    a.row(
        "nested-instances",
        "instances inside instances",
        "instancing.usda",
        f"{NI}nestedInstancedCubes.usda features/pixar/purpose/InheritedPurposes_Nested_Instances.usd "
        f"{BOX}nestedInstanceTest.usda {PI}pi_ni2.usda",
    )
    a.row(
        "kind", "model kinds", "arcs.usda", "features/cookbook/set_kind/usda/base.usda full/Teapot/Teapot.usd"
    )
    a.row(
        "usdz",
        "packages, read without unpacking",
        "",
        "features/usdz/BoxAnimated/BoxAnimated.usdz features/pixar/udim/usdUdims.usdz features/tinyusdz/cube.usdz",
    )


def _time(a: _Area) -> None:
    a.row(
        "value-clips",
        "value clips, explicit and by template",
        "clips.usda",
        "features/cookbook/value_clips/usda/explicit/root.usda "
        "features/cookbook/value_clips/usda/template_and_explicit/root.usda",
    )
    a.row(
        "tcps",
        "timeCodesPerSecond of the stage",
        "",
        f"{WG}stage_configuration/timeCodesPerSecond/timeCodesPerSecond_48.usda "
        f"{WG}stage_configuration/timeCodesPerSecond/timeCodesPerSecond_128.usda",
    )
    a.row("tcps-scaling", "sublayers of another timeCodesPerSecond are scaled", "shot.usda")
    a.row(
        "meters-per-unit",
        "metersPerUnit: everything leaves in metres",
        "xform_ops.usda shot.usda gprims.usda",
        f"{WG}stage_configuration/metersPerUnit/metersPerUnit_10.usda "
        "features/usd_optimize/editStageMetrics_scaleInstances.usda",
    )
    a.row(
        "up-axis",
        "upAxis Y: the world leaves with Z up",
        "xform_ops.usda",
        f"{WG}stage_configuration/upAxis/upAxis_Y.usda features/usd_optimize/editStageMetrics_upAxisCorrection.usda",
    )
    a.row(
        "units-absent",
        "no metersPerUnit or upAxis: USD's fall-backs, with a finding",
        "",
        "features/cookbook/purposes/usda/purpose.usda",
    )


def _transforms(a: _Area) -> None:
    a.row(
        "xform-trs",
        "translate, rotate, scale in every precision, single-axis ones too",
        "xform_ops.usda",
        f"{GEOM}transforms/simple_transform.usda {GEOM}transforms/scopes_and_xforms_nested.usda",
    )
    a.row(
        "xform-orders",
        "the five other rotation orders",
        "xform_ops.usda",
        "features/ovrtx/simple_camera.usda",
    )
    a.row(
        "xform-matrix",
        "matrix ops, sheared and mirrored ones too",
        "xform_ops.usda",
        f"{GEOM}transforms/matrix_transform.usda {GEOM}transforms/weird_matrix_transform.usda",
    )
    a.row("xform-orient", "quaternions", "xform_ops.usda", "features/usdz/BoxAnimated/BoxAnimated.usdz")
    a.row(
        "xform-pivots",
        "pivots and inverse ops",
        "xform_ops.usda",
        f"features/usd_optimize/pivot.usda features/usd_optimize/pivot/three_boxes.usda "
        f"{GEOM}transforms/complex_transform.usda",
    )
    a.row("xform-reset", "resetXformStack, before other ops too", "xform_ops.usda instancing.usda")
    a.row(
        "xform-animated",
        "time samples, interpolated",
        "xform_ops.usda arcs.usda shot.usda",
        "features/ovrtx/simple_scene_animated.usda features/usdz/AnimatedTriangle/AnimatedTriangle.usdz "
        "features/usdz/InterpolationTest/InterpolationTest.usdz",
    )


def _seen(a: _Area) -> None:
    a.row(
        "visibility",
        "visibility, inherited, through prims that are not imageable",
        "seen.usda",
        f"features/usd_optimize/visibility.usda {BOX}cubeSbdv.usda",
    )
    a.row(
        "visibility-animated",
        "visibility by time",
        "seen.usda",
        f"{BOX}animVis.usda features/usd_optimize/visibility.usda {PI}pi_varying.usda",
    )
    a.row(
        "purpose",
        "purpose, inherited; default and render are drawn",
        "seen.usda instancing.usda",
        f"features/pixar/purpose/InheritedPurposes.usd {WG}stage_composition/purpose.usda "
        "features/usd_optimize/purpose.usda features/cookbook/purposes/usda/purpose.usda",
    )


def _points(a: _Area) -> None:
    a.row(
        "points",
        "points: positions, orientations, scales, prototypes' own transforms, hidden parts",
        "points.usda",
        f"{PI}pi_basic.usda {PI}pi.usda {PI}pi_ni.usda {PI}pi_pi_which_rot.usda {NI}sphereInstancer.usda "
        "industrial/usd_optimize/pointInstancer.usda",
    )
    a.row(
        "points-nested",
        "instancers in prototypes",
        "points.usda",
        f"{PI}pi_pi.usda {PI}pi_pi2.usda {PI}pi_pi_xform.usda {PI}ni_pi_xform.usda",
    )
    a.row(
        "points-ids",
        "ids: points are told apart by them",
        "points.usda",
        f"{PI}pi_masking.usda {PI}pi_pi_xform.usda",
    )
    a.row("points-invisible-ids", "invisibleIds, by time too", "points.usda")
    a.row("points-inactive-ids", "inactiveIds", "points.usda", f"{PI}pi_masking.usda")
    a.row(
        "points-elsewhere",
        "prototypes by relationship: siblings, the root, below an over",
        "points.usda",
        f"{PI}pi_sibling_prototype.usda {PI}pi_root_prototype.usda {PI}pi_sibling_pi_over.usda",
    )
    a.row(
        "points-animated",
        "points by time",
        "points.usda",
        f"{PI}pi_varying.usda {PI}pi_pi_varying.usda {PI}pi_pi_varyingf.usda",
    )
    a.row(
        "points-bad-input",
        "arrays of other lengths, indices without a prototype: a finding, the rest is drawn",
        "points.usda",
        f"{PI}pi_bad_schema_input.usda",
    )


def _geometry(a: _Area) -> None:
    a.row(
        "mesh",
        "polygon meshes: the very points, all triangles",
        "meshes.usda",
        f"{GEOM}meshes/mixed_faceVertexCounts/mixed.usda {GEOM}meshes/quad_mesh/quads.usda "
        "industrial/fanuc_m710ic/usd/fanuc_m710ic50.usda industrial/newton_cell/crazyflie.usd",
    )
    a.row("mesh-ngons", "n-gons, concave ones too", "meshes.usda", f"{GEOM}meshes/5_face/5_face.usda")
    a.row("mesh-holes", "holeIndices", "meshes.usda", "features/usd_optimize/holeIndices.usda")
    a.row(
        "mesh-left-handed",
        "orientation leftHanded",
        "meshes.usda",
        "features/pixar/doublesided/doubleSided2.usda features/usd_optimize/geometryWindings.usda",
    )
    a.row(
        "mesh-double-sided",
        "doubleSided",
        "gprims.usda",
        f"{GEOM}meshes/doubleSided/doubleSided_quad.usda features/usd_optimize/doubleSided_input.usda",
    )
    a.row(
        "mesh-animated",
        "points by time",
        "meshes.usda",
        "features/usd_optimize/timesampledAttributes.usda features/usd_optimize/extentsTestTimeSamples.usda",
    )
    a.row(
        "mesh-faulty",
        "empty, bad index, not finite: a finding, the rest is drawn",
        "meshes.usda",
        f"{GEOM}meshes/empty_mesh/empty.usda {BOX}meshBounds.usda",
        standing="finding",
    )
    a.row(
        "subdivision",
        "subdivision surfaces, refined: they lie within their cage and fill it",
        "meshes.usda",
        f"{GEOM}meshes/subdiv_catmullClark/subdiv_catmullClark.usda "
        f"{GEOM}meshes/subdiv_loop_triangles/subdiv_loop_triangles.usda "
        f"{GEOM}meshes/subdiv_bilinear/subdiv_bilinear.usda full/Teapot/Teapot.usd",
        standing="nearest",
    )
    a.row(
        "subdivision-creases",
        "creases and corners",
        "",
        "features/pixar/lefthanded/subdivMesh.usda features/pixar/endToEnd/Table/Table.usd",
        standing="nearest",
    )
    a.row(
        "extent",
        "authored extents: they change nothing, right or wrong",
        "",
        f"{GEOM}extent/inverse_extent.usda {GEOM}extent/zero_extent.usda features/usd_optimize/extentsTest.usda",
    )
    primitives = f"{GEOM}primitives/all_primitives.usda"
    for name in ("cube", "sphere", "cylinder", "cone", "capsule"):
        a.row(name, f"{name} along every axis, within the declared chord error", "gprims.usda", primitives)
    a.row(
        "plane",
        "plane along every axis",
        "gprims.usda",
        "industrial/f1tenth_ackermann/F1Tenth.usd",
    )
    a.row(
        "curves",
        "curves as tubes, within the extent that their widths give",
        "gprims.usda",
        f"features/tinyusdz/hair.usda industrial/newton_cell/rj45_plug.usd {BOX}pointsAndCurves.usda",
        standing="nearest",
    )
    a.row(
        "point-clouds",
        "points as spheres, within the extent that their widths give",
        "gprims.usda",
        f"{BOX}pointsAndCurves.usda",
        standing="nearest",
    )


def _primvars(a: _Area) -> None:
    warehouse = "industrial/aws_small_warehouse/models/ShelfF_01/ShelfF_01.usdc"
    a.row(
        "primvar-constant",
        "constant primvars, inherited ones too",
        "meshes.usda",
        "industrial/usd_optimize/factory.usda",
    )
    a.row("primvar-uniform", "uniform: one value a face", "meshes.usda", f"{NI}instance.usda")
    a.row(
        "primvar-varying",
        "varying: one value a point",
        "meshes.usda",
        "industrial/f1tenth_ackermann/F1Tenth.usd",
    )
    a.row("primvar-vertex", "vertex: one value a point", "meshes.usda", f"{NI}instance3.usda")
    a.row(
        "primvar-face-varying",
        "faceVarying: one value a corner",
        "meshes.usda",
        f"{warehouse} features/tinyusdz/cube.usdz",
    )
    a.row("primvar-indexed", "indexed primvars", "meshes.usda", f"{warehouse} features/tinyusdz/cube.usdz")
    a.row(
        "subsets",
        "GeomSubsets with materials of their own",
        "looks.usda",
        "features/tinyusdz/geomsubset-material-001.usda features/usd_optimize/geomSubset_materialBinding.usda "
        "full/Vehicles/assets/vehicles/van/asset/vanFullAsset.usda",
    )


def _skel(a: _Area) -> None:
    a.row(
        "skel",
        "skinned meshes at the moment, as UsdSkel.BakeSkinning bakes them",
        "skinned.usda",
        "features/pixar/skel/arm.usda features/pixar/skel/twoBends.usda features/tinyusdz/skintest.usda "
        "features/usdz/CesiumMan/CesiumMan.usdz features/usdz/RiggedSimple/RiggedSimple.usdz",
    )
    a.row(
        "blend-shapes",
        "blend shapes",
        "",
        "features/tinyusdz/blendshape-and-animation-test-001.usda features/tinyusdz/blendshape.usda",
    )


def _materials(a: _Area) -> None:
    a.row(
        "preview-surface",
        "UsdPreviewSurface",
        "looks.usda",
        f"{PS}Specular.usda {PS}Fallback.usda {PS}ConnectedScalar.usda",
    )
    a.row(
        "textures",
        "UsdUVTexture",
        "",
        f"{PS}Texture.usda {PS}TextureScaleAndBias.usda {PS}SourceColorSpace.usda",
    )
    a.row(
        "texture-transform",
        "UsdTransform2d",
        "",
        f"{PS}Transform2d.usda features/usdwg/TextureTransformTest/TextureTransformTest.usd",
    )
    a.row("udim", "UDIM tiles", "", "features/pixar/udim/usdUdims.usda", standing="nearest")
    a.row("primvar-readers", "primvar readers", "", f"{PS}Primvars.usda {PS}PrimvarReaderOpacity.usda")
    a.row(
        "material-interface",
        "inputs of the material that feed its shaders",
        "looks.usda",
        f"{PS}MaterialInterface.usda",
    )
    a.row(
        "materialx-shaders",
        "MaterialX written as USD",
        "",
        "features/pixar/mtlx/mxNormalMap.usda full/StandardShaderBall/standard_shader_ball_scene.usda",
        standing="nearest",
    )
    a.row(
        "mtlx-references",
        "references to .mtlx files, composed through MaterialX",
        "",
        "features/pixar/mtlx/mxSimple.usda features/pixar/mtlx/standardSurface.usda",
        standing="nearest",
    )
    a.row(
        "mdl",
        "MDL: the nearest, with a finding",
        "",
        "features/ovrtx/cube_stacks_scene.usda",
        standing="nearest",
    )
    a.row(
        "display-color",
        "displayColor and displayOpacity where no material is bound",
        "looks.usda meshes.usda",
        "industrial/usd_optimize/factory.usda",
    )
    a.row(
        "binding-inherited",
        "bindings of ancestors",
        "looks.usda",
        "features/usd_optimize/geomSubset_materialBinding.usda",
    )
    a.row("binding-strength", "bindMaterialAs strongerThanDescendants", "looks.usda")
    a.row("binding-collections", "collection bindings", "looks.usda", f"{PS}FallbackPrimvar.usda")


def _lights(a: _Area) -> None:
    mixed = "features/pixar/mtlx/mxLights.usda"
    a.row(
        "dome",
        "dome lights",
        "lens.usda",
        "features/pixar/domelight/domeLightYup.usda features/pixar/domelight/domeLightZup.usda",
    )
    a.row("distant", "distant lights", "lens.usda", "industrial/usd_optimize/mergeCastle.usda")
    a.row("rect", "rect lights", "lens.usda", "full/StandardShaderBall/layers/environment.usda")
    a.row("disk", "disk lights", "lens.usda", mixed)
    a.row("sphere-light", "sphere lights, animated", "lens.usda", "features/pixar/mtlx/mxDirectLights.usda")
    a.row("cylinder-light", "cylinder lights", "lens.usda")
    a.row(
        "cameras",
        "cameras: lens, offsets, clipping, focus, projection, animated",
        "lens.usda",
        "features/ovrtx/simple_camera.usda features/pixar/endToEnd/main_cam.usd "
        "features/pixar/xformops/testUsdGeomCamera/b.usda",
    )


def _labels(a: _Area) -> None:
    a.row(
        "labels",
        "UsdSemantics labels: prims, proxies, points, subsets, several taxonomies",
        "labels.usda instancing.usda points.usda",
        "features/ovrtx/simple_scene_semantic_labels.usda industrial/aws_small_warehouse/small_warehouse.usda",
    )
    a.row("labels-legacy", "the older SemanticsAPI, by its attributes", "labels.usda")
    a.row(
        "rigid-bodies",
        "UsdPhysics bodies stay in the prim table",
        "",
        "industrial/newton_cell/palletizer_scene.usda industrial/newton_cell/boxes_fourbar.usda",
    )
    a.row(
        "joints",
        "UsdPhysics joints stay in the prim table",
        "",
        "industrial/fanuc_m710ic/usd/fanuc_m710ic50.usda industrial/newton_cell/boxes_fourbar.usda",
    )


FEATURES = _table()
