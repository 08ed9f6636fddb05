"""Mending what is safe to mend, in a new layer over the file: the designer's files are never written.

- `table`: what a fix is, how one is registered, and what it may write;
- `geometry`, `header`, `looks`: the fixes, one small function a code;
- `child`: makes the layer's text in the limited child; `apply`: asks for it, writes it and checks it again.

`apply` alone writes files; `child` and the fixes touch `pxr`.
"""
