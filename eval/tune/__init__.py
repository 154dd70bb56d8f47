"""Tuning sweeps: a search space over settings, a paired race over questions, a confirmation on unseen ones."""
