"""COLLADA 1.4 and 1.5 (Khronos): `geometry` reads meshes, `effects` looks, `reader` puts the scene together.

Skins and animations are told in notes, not carried; so are curves, spline geometry and physics.
"""
