"""What a Python program draws over the scene, and its controls: `twin.ui`.

`shapes` makes items out of what a program gives, `handles` is what it gets back, `callbacks` calls it when somebody uses a
control (on a thread of its own), `ui` is the whole of it.
"""
