"""What the `ragwright` fixture of the pytest plugin gives a test: questions to a corpus, and assertions on answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NoReturn

from eval.stats import trials_needed, wilson
from rag.bridge import run_sync
from rag.pipeline import Request
from rag.runtime import Runtime
from rag.types import Answer, ContextResult, SearchResult

_SHOWN = 160


class Asker:
    """Asks one corpus, and fails with what it saw. Every method may be called from synchronous and async tests."""

    def __init__(self, runtime: Runtime, corpus: str) -> None:
        self.runtime = runtime
        self.corpus = corpus

    def ask(self, question: str) -> Answer:
        """Return a checked answer or an abstention."""
        return run_sync(self.runtime.pipeline.answer(Request(question, self.corpus)))

    def search(self, question: str, top_k: int = 10) -> SearchResult:
        """Return the ranked hits."""
        return run_sync(self.runtime.pipeline.search(Request(question, self.corpus, top_k=top_k)))

    def context(self, question: str, budget_tokens: int | None = None) -> ContextResult:
        """Return the packed passages and the prompt."""
        return run_sync(self.runtime.pipeline.context(Request(question, self.corpus, budget_tokens=budget_tokens)))

    def assert_cited(self, answer: Answer, doc_id: str | None = None) -> None:
        """Fail unless every sentence cites something, and one of them the document, if it is named."""
        __tracebackhide__ = True
        _answered(answer)
        bare = [sentence.text for sentence in answer.sentences if not sentence.citations]
        if bare or not answer.sentences:
            _fail("a sentence cites nothing", [_short(text) for text in bare] or [_short(answer.text)])
        cited = {citation.doc_id for sentence in answer.sentences for citation in sentence.citations}
        if doc_id is not None and doc_id not in cited:
            _fail(f"the answer does not cite {doc_id!r}", [f"it cites {name!r}" for name in sorted(cited)])

    def assert_grounded(self, answer: Answer, min_support: float | None = None) -> None:
        """Fail unless a citation supports each sentence: by the run's own threshold, or with at least `min_support`.

        The score (0..1) is the runtime verifier's own, computed from words, numbers, names and negation.
        """
        __tracebackhide__ = True
        _answered(answer)
        weak = []
        for sentence in answer.sentences:
            supports = [citation.support for citation in sentence.citations]
            if not any(s.supported if min_support is None else s.score >= min_support for s in supports):
                best = max((support.score for support in supports), default=0.0)
                weak.append(f"support {best:.2f}: {_short(sentence.text)}")
        if weak or not answer.sentences:
            _fail("a sentence says what its citations do not", weak or [_short(answer.text)])

    def assert_retrieves(self, question: str, doc_id: str, k: int = 10) -> None:
        """Fail unless one of the first `k` hits is from the document."""
        __tracebackhide__ = True
        hits = self.search(question, k).hits
        if doc_id not in {hit.chunk.doc_id for hit in hits}:
            found = [f"{hit.rank}. {hit.chunk.doc_id} ({hit.score:.3f}): {_short(hit.chunk.text)}" for hit in hits]
            _fail(f"{doc_id!r} is not among the first {k} hits of {question!r}", found or ["there is no hit"])

    def assert_abstains(self, question: str) -> None:
        """Fail if the question is answered."""
        __tracebackhide__ = True
        answer = self.ask(question)
        if not answer.abstained:
            _fail(f"{question!r} was answered", [_short(answer.text)])

    def assert_pass_rate(self, trials: Iterable[bool] | Callable[[], bool], at_least: float, n: int = 20) -> None:
        """Fail unless the trials show a pass rate of `at_least` (0..1): by the lower bound of Wilson's 95 % interval.

        A function is called `n` times; an assertion that it raises is a failed trial.
        """
        __tracebackhide__ = True
        outcomes = [_passes(trials) for _ in range(n)] if callable(trials) else [bool(trial) for trial in trials]
        rate = wilson(sum(outcomes), len(outcomes))
        if rate.low is None or rate.low < at_least:
            failures = len(outcomes) - sum(outcomes)
            told = [f"{sum(outcomes)} of {len(outcomes)} passed, 95 % interval [{rate.low:.3f}, {rate.high:.3f}]"]
            if rate.value > at_least and at_least < 1:
                told.append(f"with {failures} failures about {trials_needed(failures, at_least)} trials would show it")
            _fail(f"a pass rate of {at_least:g} is not shown", told)


def _answered(answer: Answer) -> None:
    __tracebackhide__ = True
    if answer.abstained:
        _fail("the question was not answered", [answer.reason or "no reason given"])


def _passes(trial: Callable[[], bool]) -> bool:
    try:
        return trial() is not False
    except AssertionError:
        return False


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _fail(what: str, told: Iterable[str]) -> NoReturn:
    __tracebackhide__ = True
    raise AssertionError("\n  ".join([what, *told]))
