"""Things that fall and come to rest: a snapshot -> convex pieces -> MuJoCo -> poses, with a judgement of the rest.

`pieces` and `slabs` make geometry, `drops` where bodies start, `world` runs MuJoCo, `rest` judges. Nothing here reads a
file or a clock; the only state is a cache of compiled models, whose keys are contents.
"""
