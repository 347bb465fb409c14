"""Decontamination against the benchmarks, in three ways: n-grams, structure, and behaviour."""
