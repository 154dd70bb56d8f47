"""Prompts, generation gates and citation checks."""
