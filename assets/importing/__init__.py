"""Import: foreign files become clean USD packages.

    reader (a kind of file each)  ->  Document (plain data)  ->  writer  ->  NAME/NAME.usda + payload/

- `document` (with `document_geometry`, `document_look`, `document_motion`, `document_physics`) is what readers give:
  frozen dataclasses and read-only arrays, no pxr; `validate` says in one sentence where a document is wrong;
- readers are plug-ins by file extension (`registry`): `gltf/`, and others beside it;
- `package` writes a document; `usd_*` are its parts, and the only modules here that touch pxr;
- `task` reads and writes in the limited child (`scene.safe`), `imports` is the door: it starts the child and puts the
  finished package in its place.
"""
