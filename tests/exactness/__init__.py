"""The judge of exactness: what labels say, against oracles that import nothing of the label pass.

closed_form.py   rays against gprims, closed forms in float64
eyes.py          camera formulas of its own: pixels to rays and back
stages.py        small stages written with pxr, each beside the things that the closed forms know
verdict.py       how two pictures of ids are compared: edges, ties, errors
casting.py       Mitsuba's first hits on world-space triangles: the second opinion
blender.py       Blender's own USD import, cast by the same oracle: the third opinion
invariants.py    what must hold of any capture
survey.py        one stage of the real files, judged; the rows of the soak
page.py          docs/exactness.md
"""
