"""Measures runs over golden sets; start with `eval.runner`."""
