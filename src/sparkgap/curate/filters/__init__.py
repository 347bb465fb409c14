"""Filters: one file each, with one public name, `FILTER` (the contract is in `curate/rules.py`)."""
