"""MultiPL-E for Java: see `_multipl_e.py`."""

from sparkgap.benchmarks._multipl_e import MultiPLE

BENCHMARK = MultiPLE("multipl_e_java", "java")
