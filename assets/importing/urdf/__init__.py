"""Robots in URDF, and in xacro, which expands into it (extra `robot`).

`packages` finds ROS packages beside a file, `macros` expands xacro, `parse` reads the XML into `robot` (plain data), and
`build` makes a document of it: links are nodes nested as in the tree of joints, so that a link moves all that hangs on it.
"""
