"""The conformance proof: what a snapshot says, against what pxr's own computations and Blender's importer say."""
