"""`serve --watch`: what designers save reaches the viewers.

A process of its own (`child`) looks at the files, tries what was saved, and tells what is new in it; the twin opens the stage
again beside the one it has (`adopt`) and changes over between two ticks (`desk`). Of a crate file its tables and bytes say
which prims stayed (`crate`, `crate_same`, `crates`). `settling`, `sentences`, `pack`, `crate` and `crate_same` are pure; all
others touch files, processes or pxr.
"""
