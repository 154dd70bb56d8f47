"""The gate: compares runs and decides whether a candidate may replace a baseline; start with `eval.gate.policy`."""
