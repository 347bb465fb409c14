"""Curation: repositories in; licensed, deduplicated, decontaminated, proven training data out.

    from pathlib import Path
    from sparkgap.curate import CurateOptions, curate

    curate(["repos/one", "six-1.17.0.tar.gz"], Path("dataset"), CurateOptions(workers=4))

Documents are never changed in place: what is measured of them is kept beside them, and rules decide from that alone.
"""

from __future__ import annotations

from sparkgap.curate.minhash import NearOptions
from sparkgap.curate.options import CurateOptions
from sparkgap.curate.pipeline import Curated, curate

__all__ = ["CurateOptions", "Curated", "NearOptions", "curate"]
