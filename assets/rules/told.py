"""Rows of what the safe opening, the readers and the label rules tell: their codes, with what a designer can do."""

from twinstage.assets.rules.table import Rule, add, rule_of

_SCREEN = """
asset.outside-root | error | A path leads out of the folders that may be read | move the file in, or give --asset-root
asset.uri | error | A path is an address on the network | download the file, and name it by a relative path
asset.anonymous | error | A path names a layer that only one program held | save that layer as a file
asset.no-file | error | A path leads to something that is no file | name a file
asset.expression | error | A path with variables can mean too much | name the file without variables
archive.entry-name | warning | The package holds a name that leads out of it (../) | pack the files again
archive.size | error | The package is larger than will be opened | split it
archive.unreadable | error | The package has no table of contents that can be read | pack the files again
clips.count | error | Value clips ask for more files than will be opened | correct the template's stride
stage.layers | error | The scene is made of more files than will be opened | merge layers
stage.expansion | error | Instances multiply beyond all bounds | use fewer levels of instancing
stage.size | warning | The scene holds very many prims | make instances of what repeats
stage.metadata-type | warning | Metadata is of the wrong type | author a number
stage.time-offset | error | A sublayer's time is moved or stretched beyond all bounds | correct offset and scale
stage.empty | warning | Nothing to see: no defined, active prims | define prims, or open the file that uses this one
stage.unreadable | error | The file cannot be read | repair the line that is named, or export the file again
stage.crash | error | The file makes the USD library crash | export it again, or take it apart to find the part
stage.time-limit | error | The file was not examined in time | simplify it, or check its parts one by one
stage.memory-limit | error | The file needs more memory than it may use | simplify it, or check its parts one by one
check.more | info | More findings of one kind than are listed | mend those that are listed first
"""
"""code | level | what is wrong | what to do"""
_READERS = """
usd.diagnostic | warning | The USD library complains | see its words
camera.clipping | warning | A camera's clipping range is none | near below far, both above 0
camera.clipping-planes | info | Clipping planes are not drawn | use clippingRange
camera.focus | info | A camera's focus is not what it seems | author focusDistance
camera.lens | warning | A camera's lens cannot be read | correct its numbers
camera.not-finite | error | A camera holds numbers that are none | type them anew
camera.scale | info | A camera is scaled | take the scale out of its transform
camera.value | warning | A camera has an impossible value | correct it
curves.knots | warning | Knots do not fit the curves | export them again
curves.left-out | warning | Some curves cannot be drawn | export them again
curves.many | warning | More curves than are drawn | thin them out
curves.ribbon | info | Ribbons are drawn as tubes | use a mesh for flat ribbons
curves.tangents | warning | Tangents do not fit the curves | export them again
curves.topology | warning | Curves and points do not add up | export them again
gprim.axis | warning | The axis of a shape is none of X, Y, Z | axis = "Z"
gprim.empty | warning | A shape has nothing to draw | delete it, or fill it
gprim.extent | warning | The extent is not the box around the shape | let `assets check --fix` write it anew
gprim.not-drawn | info | A kind of shape that is not drawn | use a mesh
gprim.not-finite | error | A shape holds numbers that are none | type them anew
gprim.type | warning | A shape's value is of the wrong type | write a number
gprim.unreadable | warning | A shape cannot be read | export it again
gprim.weights | warning | Weights do not fit the points | export it again
gprim.widths | info | No widths are given | author widths
instances.too-many | error | More copies than are drawn | thin them out
keypoint.no-object | warning | A key point belongs to nothing | put it below what it marks
keypoint.too-many | warning | More key points than are read | thin them out
keypoint.twice | warning | Two key points have one name | rename one
keypoint.value | warning | A key point has an impossible value | correct it
light.connection | info | A light's value comes from a shader | author the value
light.file-missing | warning | A light's file is missing | correct the path, or add the file
light.file-size | warning | A light's file is too large | use a smaller one
light.filter | info | Light filters are not used | author the light without
light.ies | warning | A light's IES profile cannot be read | export it again
light.kind | info | A kind of light that is shown as the nearest | use a light of UsdLux
light.link | info | Light links are not followed | see the picture
light.mesh | info | Mesh lights are shown as emission | use a RectLight
light.not-finite | error | A light holds numbers that are none | type them anew
light.old-names | warning | A light is written as before USD 21.02: USD ignores it | write inputs:intensity and so on
light.shadow | info | Shadow settings are not followed | see the picture
light.size | warning | A light has no size | give it a size
light.texture-format | warning | A light's texture format is unknown | inputs:texture:format = "latlong"
light.value | warning | A light has an impossible value | correct it
material.displacement | info | Displacement is not drawn | bake it into the mesh
material.looks | info | Several looks in one | see the picture
material.mdl | warning | MDL is shown as the nearest UsdPreviewSurface | add a UsdPreviewSurface beside it
material.mtlx | warning | MaterialX that cannot be followed to the letter | add a UsdPreviewSurface beside it
material.nearest | warning | A material is shown as the nearest one | add a UsdPreviewSurface beside it
material.network | warning | A network of shaders is too complex | bake it into textures
material.no-surface | warning | A material without a surface: it is drawn grey | connect outputs:surface
material.node | warning | A shader of an unknown type | use a node of UsdPreviewSurface or MaterialX
material.procedural | info | A procedural texture is drawn as a mean | bake it into a texture
material.purpose | info | A material for another purpose is used | bind one for all purposes
material.shader | warning | A shader without a known id: it is drawn grey | info:id = "UsdPreviewSurface"
material.subsets | warning | Material subsets do not fit together | let each face belong to one
material.type | warning | A material's value is of the wrong type | write it with the type that is named
material.uv | warning | A texture has no coordinates to lie by | export the mesh with UVs (primvars:st)
material.varying | info | A value that varies over the surface is drawn as its mean | use a texture
mesh.point-type | error | Points are of another type than USD's | write point3f[] points
mesh.refinement | info | A mesh is too large to be subdivided further | subdivide it before the export
mesh.scheme | warning | An unknown subdivision scheme | subdivisionScheme = "none"
mesh.short-faces | warning | Faces with fewer than three corners | delete them
mesh.subdivision | warning | The subdivision does not fit the mesh | loop is for triangles; use "catmullClark"
mesh.subdivision-token | error | A word that USD does not know | none, catmullClark, loop or bilinear
mesh.subdivision-unsaid | info | Normals, but no word on subdivision: USD would smooth | author subdivisionScheme = "none"
mesh.subset | error | A subset names faces that do not exist | select the faces again, and export
mesh.subset-overlap | warning | Two subsets claim the same face | let each face belong to one material
mesh.topology | error | Faces and points do not fit | export the mesh again
model.draw-mode | info | Its cards or box are not drawn, but the geometry | none needed
mtlx.unreadable | warning | A MaterialX file cannot be read | export it again
patch.not-finite | error | A patch holds numbers that are none | type them anew
patch.size | warning | A patch is too large | make a mesh of it
patch.topology | warning | A patch does not add up | export it again
patch.trim | info | Trim curves are not cut out | make a mesh of it
points.ids | warning | Ids of points do not fit | number them once each
points.left-out | warning | Some points are left out | see the sentence
points.length | error | The instancer's lists are of different lengths | give every list one entry for each point
points.many | warning | More points than are drawn | thin them out
points.nested | warning | Instancers within instancers, too deep | flatten them
points.not-finite | error | Copies stand where no number leads | type the positions anew
points.prototype | error | Copies ask for a prototype that is not in the list | number the prototypes from 0
points.too-many | error | More copies than are drawn | thin them out
primvar.count | warning | A list has the wrong length | export it again
primvar.indices | error | A list names values that do not exist | export it again
primvar.several-uv | info | Several texture coordinates: the first is used | use one set
primvar.type | warning | A primvar is of the wrong type | export it again
primvar.varying | info | A primvar that varies is drawn as its mean | use a texture
primvar.width | warning | A primvar's element size does not fit | export it again
skel.binding | warning | A skeleton cannot be followed: the mesh stays in its bind pose | export the skin again
skel.transform | info | The transform of a skinned mesh is not used | see UsdSkel
skel.unbound | warning | A skinned mesh has no skeleton | put both below a SkelRoot
texture.missing | error | A texture is missing | correct the path, or add the file
texture.size | warning | A texture file is too large to be read | save a smaller one
texture.udim | warning | Tiles of a texture are missing | add them, or keep texture coordinates inside the tiles
texture.wrap | info | A texture is black outside 0 to 1 | wrapS = wrapT = "repeat"
transform.not-finite | error | The transform holds numbers that are none | type the transform anew
xform.projective | warning | A transform with perspective | use an affine matrix
"""
_LABELS = """
label.ambiguous | error | It could be of two classes | keep one label
label.none | info | It has no class, while others have one | twinstage assets label FILE --set 'PATH=CLASS' --out LAYER
label.unknown | warning | Its label is not in the label map | correct the label, or add it to the map
label.case | warning | Labels that differ only by case | write one of them everywhere
label.empty | warning | An empty label | name the class, or remove the schema
label.legacy | warning | A label of the older form | twinstage assets upgrade-labels FILE --out LAYER
label.not-applied | error | A label that does not count | apply SemanticsLabelsAPI
label.below-instance | error | A label inside an instance does not count | label the instance
label.subset | info | A labelled subset is not told apart | familyName = "materialBind"
labels.none | info | No labels at all | twinstage assets label FILE --interactive --out LAYER
"""

for _table, _source in ((_SCREEN, "screen"), (_READERS, "readers"), (_LABELS, "labels")):
    for _line in _table.strip().splitlines():
        _code, _level, _title, _fix = _line.split(" | ")
        if rule_of(_code) is None:
            add(Rule(_code, _level, _title, _fix, source=_source))  # type: ignore[arg-type]
