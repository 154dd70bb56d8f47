"""What an answer cost: time, tokens, money. Lower is better and nothing is bounded above."""

from __future__ import annotations

from collections.abc import Callable

from eval.metrics.base import Metric, Unit, Unmeasured, Value, not_applicable
from eval.observation import Observation
from rag.types import Usage

WALL = "wall"
"""The key in `Observation.timings_ms` of the time that the caller waited, in milliseconds."""


def latency() -> Metric:
    """Milliseconds that the caller waited for one case, at the run's concurrency."""

    def compute(seen: Observation) -> Value:
        return float(seen.timings_ms[WALL]) if WALL in seen.timings_ms else Unmeasured("it was not timed")

    return Metric("latency_ms", "cost", "time the caller waited", compute, unit="ms", better="lower")


def context_tokens() -> Metric:
    """Tokens of the final context, by the tokenizer that the context names."""

    def compute(seen: Observation) -> Value:
        return not_applicable("no context was asked for") if seen.context_tokens is None else float(seen.context_tokens)

    return Metric("context_tokens", "cost", "size of the context", compute, unit="tokens", better="lower")


def input_tokens() -> Metric:
    """Tokens that the generator read."""
    return _usage("input_tokens", "tokens the generator read", "tokens", lambda usage: usage.input_tokens)


def output_tokens() -> Metric:
    """Tokens that the generator wrote."""
    return _usage("output_tokens", "tokens the generator wrote", "tokens", lambda usage: usage.output_tokens)


def cost_usd() -> Metric:
    """Price of one answer in US dollars; not applicable while the model's price is not configured."""
    return _usage("cost_usd", "price of one answer", "usd", lambda usage: usage.cost_usd)


def _usage(name: str, meaning: str, unit: Unit, read: Callable[[Usage], float | None]) -> Metric:
    def compute(seen: Observation) -> Value:
        if seen.usage is None:
            return not_applicable("no answer was asked for")
        value = read(seen.usage)
        if value is None:
            uncounted = seen.usage.input_tokens is None or seen.usage.output_tokens is None
            return not_applicable(
                "the model's endpoint counts no tokens" if uncounted else "the model's price is not configured"
            )
        return float(value)

    return Metric(name, "cost", meaning, compute, unit=unit, better="lower")
