"""The judge of exactness: what labels say, against oracles that import nothing of the label pass. See docs/exactness.md.

closed_form.py    rays against gprims, closed forms in float64
eyes.py           camera formulas of its own: pixels to rays and back
stages.py         small stages written with pxr, each beside the things that the closed forms know
analytic.py       captures of such stages judged; cases.py: all of them; flow.py, flow_cases.py: between two moments
verdict.py        how two pictures of ids are compared
casting.py        Mitsuba's first hits on world-space triangles: the second opinion; holes.py: the opacity rule
authored.py       cameras of a stage as pxr sees them
survey.py         one real stage, judged view by view; the rows of the soak
blender.py        Blender's own USD import, cast by the same oracle: the third opinion; bpy_objects.py runs in Blender
invariants.py     what must hold of any capture
spoil.py          captures and snapshots with one fault each
ours.py           the only place that calls what is judged
page.py           the tables of docs/exactness.md
"""
