"""What a person asks of a dataset: which pictures show something, how values are spread, what a frame holds.

    stored.py    records -> rows, by what is needed of them alone (touches files)
    columns.py   rows -> columns: frames, pictures, objects, draws
    find.py      a query (`base.query`) and columns -> pictures, in an order
    facets.py    columns and what was found -> histograms and words
    classes.py   columns -> figures of each class
    remake.py    a recipe file -> what makes it the dataset's again (touches files)
    pictures.py  files of a dataset -> small or coloured pictures (touches files)

A dataset is untrusted: sizes are bounded, a record that cannot be read is counted and left out.
"""
