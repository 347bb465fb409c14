"""Curation: repositories in; licensed, deduplicated, decontaminated, proven training data out."""
