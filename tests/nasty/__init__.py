"""The nasty suite: stages with everything that labels get wrong, datasets of them, and truths that no file can tell.

stages.py     a seeded stage: instances, points, nested labels, subsets, payload overrides, cut-outs, coplanar stickers,
              mirrored and uneven scale, tiny and huge things, cameras of all lenses; any unit and up axis
recipes.py    the recipe that goes with it
truth.py      classes and poses by pxr, against the records
damage.py     seeded corruptions of a finished dataset, each with the rules that may name it
"""
