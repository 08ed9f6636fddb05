"""Pictures, films, contact sheets and labels of a stage, for `twinstage render`.

job.py    what a user asks for, and the texts that say it
sinks.py  where it goes: stills, films, sheets, labels; which, follows from the name
run.py    frame by frame, camera by camera
"""

from twinstage.live.pictures.job import Job
from twinstage.live.pictures.run import render_job

__all__ = ["Job", "render_job"]
