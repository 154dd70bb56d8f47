"""The flow functions: whatever a command, a route, a job or a sweep asks of an evaluation.

Each takes paths, settings or an open runtime, returns a typed result, raises a `RagwrightError` and prints nothing.
Import them from `eval` itself: `from eval import evaluate`.
"""
