"""What the live scene looks like through its cameras, for `/camera/...` of the server.

    streams.py  who watches what; one picture for all clients of a camera; nothing is rendered that nobody watches
    worker.py   the process that renders, seen from here
    child.py    that process: `python -m twinstage.live.cameras.child`

Pictures are made in a process of their own, so that neither the interpreter's lock nor a fault of a renderer touches the
ticks. It gets the scene once, and with each picture the poses of what has moved.
"""
