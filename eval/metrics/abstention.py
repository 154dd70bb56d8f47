"""Abstention as rates over the cases that each rate is about; a case that asks to clarify counts as unanswerable."""

from __future__ import annotations

from eval.metrics.base import Metric, Value, not_applicable
from eval.observation import Observation


def abstention_recall() -> Metric:
    """Share of unanswerable questions that were refused, 0..1."""

    def compute(seen: Observation) -> Value:
        if seen.abstained is None:
            return not_applicable("no answer was asked for")
        return not_applicable("the question is answerable") if seen.case.answerable else float(seen.abstained)

    return Metric("abstention_recall", "abstention", "share of unanswerable questions refused", compute, rate=True)


def abstention_precision() -> Metric:
    """Share of refusals that were of unanswerable questions, 0..1."""

    def compute(seen: Observation) -> Value:
        if seen.abstained is None:
            return not_applicable("no answer was asked for")
        return float(not seen.case.answerable) if seen.abstained else not_applicable("the question was answered")

    return Metric("abstention_precision", "abstention", "share of refusals that were right", compute, rate=True)


def false_abstention() -> Metric:
    """Share of answerable questions that were refused, 0..1, lower is better."""

    def compute(seen: Observation) -> Value:
        if seen.abstained is None:
            return not_applicable("no answer was asked for")
        return float(seen.abstained) if seen.case.answerable else not_applicable("the question is unanswerable")

    meaning = "share of answerable questions refused"
    return Metric("false_abstention", "abstention", meaning, compute, better="lower", rate=True)
