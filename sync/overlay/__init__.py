"""What a program draws over the scene, and the controls that it shows: the set that every viewer has, without any I/O.

`board` keeps the set, `controls` takes what people do with it, `routes` gives the set and its data to who asks.
"""
