"""Measures the real processes against peers that do the same work in the same run (`make bench`)."""
