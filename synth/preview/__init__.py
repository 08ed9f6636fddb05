"""A recipe before a dataset is made of it: what it draws, a few frames of little cost, other ranges, and these as a recipe.

ranges.py    recipe -> every number that it draws, in the form of a recipe file
sampled.py   what is drawn of each, by the draw functions of the dataset itself
frames.py    frames as the dataset has them, smaller if wanted (touches the stage, the renderer, files)
written.py   changed ranges -> a recipe file that builds upon the first one (touches files)
"""
