"""The binary frames of twin.v1, one small module a kind of body; `twinstage.sync.codec` is their public face.

Pure: bytes and numpy arrays in, numpy arrays and bytes out. docs/protocol.md is the text of this folder.
"""
