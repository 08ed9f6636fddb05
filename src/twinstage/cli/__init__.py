"""The command line: parse, load a model, call one function, print.

Exit codes: 0 done, 1 found something wrong in the data, 2 the user's mistake, 3 a defect of ours or an outside failure.
"""

from twinstage.cli.app import main

__all__ = ["main"]
