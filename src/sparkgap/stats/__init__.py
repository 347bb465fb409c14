"""Statistics: what samples are worth, how far two models are apart, and what so few problems could have shown.

    proportions   pass@k and means, with intervals        differences   two models, paired or not, with intervals
    testing       p-values, and Holm's correction         resampling    bootstrap and sign flips, by problem
    power         the smallest gap that could have been shown, and how many problems another would take

Pure functions. Problems are the units everywhere: samples of one problem resemble each other.
"""

from __future__ import annotations

from sparkgap.stats.differences import independent_difference, newcombe, paired_difference
from sparkgap.stats.power import Power, needed_problems, needed_samples, smallest_gap
from sparkgap.stats.proportions import (
    Interval,
    effective_problems,
    mean_interval,
    mean_pass_at_k,
    pass_at_k,
    usable_k,
    wilson,
)
from sparkgap.stats.quantiles import Z_95, normal_quantile, normal_tail, student_quantile, student_tail
from sparkgap.stats.resampling import bootstrap, sign_flip
from sparkgap.stats.testing import binomial, holm, mcnemar, two_proportions, two_sided

__all__ = [
    "Z_95",
    "Interval",
    "Power",
    "binomial",
    "bootstrap",
    "effective_problems",
    "holm",
    "independent_difference",
    "mcnemar",
    "mean_interval",
    "mean_pass_at_k",
    "needed_problems",
    "needed_samples",
    "newcombe",
    "normal_quantile",
    "normal_tail",
    "paired_difference",
    "pass_at_k",
    "sign_flip",
    "smallest_gap",
    "student_quantile",
    "student_tail",
    "two_proportions",
    "two_sided",
    "usable_k",
    "wilson",
]
