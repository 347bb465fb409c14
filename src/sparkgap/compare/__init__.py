"""Two sides, runs or claims, compared benchmark by benchmark; what `gap` and `gate` share.

sides      what the user named -> a run or a claimed model; benchmarks that belong together
likeness   was the same exam put to both?
figures    one side's figure, with its interval       contrast   the difference, with all that belongs to it
losses     where the points go                        topics     which problems they are lost on
"""

from __future__ import annotations
