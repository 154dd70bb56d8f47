"""Assertions on answers, over a flow of fakes: what they let pass, and what they say where they do not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from eval.testing.asker import Asker
from rag.types import Sentence, Support
from tests.api.conftest import FakePipeline, make_answer


@pytest.fixture
def asker() -> Asker:
    runtime: Any = SimpleNamespace(pipeline=FakePipeline())
    return Asker(runtime, "demo")


DOC = "policies/refund terms#1.md"


def test_a_cited_answer_passes_and_a_bare_sentence_is_shown(asker: Asker) -> None:
    answer = asker.ask("How long?")
    asker.assert_cited(answer)
    asker.assert_cited(answer, DOC)
    with pytest.raises(AssertionError, match=r"does not cite 'b.md'\n  it cites 'policies/refund terms#1.md'"):
        asker.assert_cited(answer, "b.md")
    with pytest.raises(AssertionError, match=r"cites nothing\n  Bare words\."):
        asker.assert_cited(replace(answer, sentences=(*answer.sentences, Sentence("Bare words.", 0, 11))))


def test_an_answer_is_grounded_by_its_own_threshold_or_by_a_given_one(asker: Asker) -> None:
    answer = asker.ask("How long?")
    asker.assert_grounded(answer)
    asker.assert_grounded(answer, min_support=0.9)
    with pytest.raises(AssertionError, match="support 0.90: Refunds"):
        asker.assert_grounded(answer, min_support=0.95)
    (sentence,) = answer.sentences
    weak = replace(sentence, citations=(replace(sentence.citations[0], support=Support(0.3, False)),))
    with pytest.raises(AssertionError, match="says what its citations do not"):
        asker.assert_grounded(replace(answer, sentences=(weak,)))


def test_what_is_retrieved(asker: Asker) -> None:
    asker.assert_retrieves("How long?", DOC)
    with pytest.raises(AssertionError, match=r"not among the first 3 hits of 'How long\?'\n  1\. policies"):
        asker.assert_retrieves("How long?", "b.md", k=3)


def test_a_refusal_is_one_and_an_answer_is_none(asker: Asker) -> None:
    with pytest.raises(AssertionError, match="'How long\\?' was answered"):
        asker.assert_abstains("How long?")
    with pytest.raises(AssertionError, match=r"not answered\n  no passage answers it"):
        asker.assert_cited(make_answer(abstained=True))
    asker.runtime.pipeline.answer = lambda request: _refused()  # type: ignore[method-assign, assignment, return-value]
    asker.assert_abstains("Who?")


async def _refused() -> Any:
    return make_answer(abstained=True)


def test_a_pass_rate_is_shown_by_its_lower_bound(asker: Asker) -> None:
    asker.assert_pass_rate([True] * 60, 0.9)
    with pytest.raises(AssertionError, match="9 of 10 passed, 95 % interval"):
        asker.assert_pass_rate([True] * 9 + [False], 0.9)
    trials = iter([True, False] * 10)

    def trial() -> bool:
        assert next(trials), "an assertion is a failed trial"
        return True

    with pytest.raises(AssertionError, match="10 of 20 passed"):
        asker.assert_pass_rate(trial, 0.9)
