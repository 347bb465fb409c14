"""HumanEval-X for Rust: see `_humaneval_x.py`."""

from sparkgap.benchmarks._humaneval_x import HumanEvalX

BENCHMARK = HumanEvalX("humaneval_x_rust", "rust")
