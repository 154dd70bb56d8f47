"""Judges: models that score answers, what they were asked, what they cost, and how far they agree with people."""
