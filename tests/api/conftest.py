"""A runtime whose pipeline returns values of rag.types, so that the shapes and errors of the edge can be tested."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from rag import types
from rag.errors import CorpusNotFoundError, DocumentNotFoundError, RagwrightError
from rag.pipeline import Request, StreamEvent
from rag.settings import Settings
from rag.state.home import Home

GENERATION = types.Generation(7, "demo", 1, "abc123abc123", "2026-01-02T03:04:05Z")
TEXT = "Refunds take 30 days. Ask support for help. Naïve “quotes” – ünïcode."


def make_hit() -> types.Hit:
    chunk = types.Chunk(
        chunk_id="0123456789abcdef",
        doc_id="policies/refund terms#1.md",
        span=types.Span(0, 43),
        text=TEXT[:43],
        title="Refund terms",
        headings=("Refunds", "Time"),
        page=3,
        tokens=9,
        boxes=(types.Box(3, 72.0, 100.5, 300.0, 112.0, 0, 21), types.Box(3, 72.0, 114.5, 280.0, 126.0, 22, 43)),
    )
    stages = {"dense": types.StageScore(4, 0.5), "bm25": types.StageScore(1, 7.25), "fused": types.StageScore(2, 0.03)}
    return types.Hit(chunk, 1, 0.71, stages)


def make_search(question: str = "How long?") -> types.SearchResult:
    return types.SearchResult(question, GENERATION, "fed321fed321", (make_hit(),), {"total": 1.5})


def make_context(question: str = "How long?") -> types.ContextResult:
    spans = (types.Span(0, 21), types.Span(44, 50))
    passage = types.Passage(1, "policies/refund terms#1.md", "Refund terms", "file:r.md", "Refunds … Naïve", spans, 7)
    dropped = (types.Dropped("b.md", types.Span(3, 9), "budget"),)
    context = types.Context((passage,), 7, 1500, "minilm", dropped)
    prompt = types.Prompt("grounded", "1", (types.Message("system", "Answer."), types.Message("user", question)))
    return types.ContextResult(make_search(question), context, prompt, {"total": 2.0, "pack": 0.5})


def make_answer(question: str = "How long?", *, abstained: bool = False) -> types.Answer:
    citation = types.Citation(
        1,
        "policies/refund terms#1.md",
        "Refund terms",
        "file:r.md",
        types.Span(0, 21),
        TEXT[:21],
        types.Support(0.9, True),
        (types.Box(3, 72.0, 100.5, 300.0, 112.0, 0, 21),),
    )
    text = "Refunds take 30 days [1]."
    return types.Answer(
        text="" if abstained else text,
        sentences=() if abstained else (types.Sentence(text, 0, len(text), (citation,)),),
        abstained=abstained,
        reason="no passage answers it" if abstained else None,
        context=make_context(question),
        provenance=types.Provenance(7, "fed321fed321", "grounded", "1", "extractive"),
        usage=types.Usage(12, 6, None),
        timings_ms={"total": 3.0},
    )


class FakePipeline:
    """Records the requests; raises `error` when one is set, before anything or (`late`) in mid-stream."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.error: Exception | None = None
        self.late = False
        self.abstains = False

    def _take(self, request: Request) -> None:
        self.requests.append(request)
        if request.corpus != "demo":
            raise CorpusNotFoundError(f"there is no corpus {request.corpus!r}")
        if self.error is not None and not self.late:
            raise self.error

    async def search(self, request: Request) -> types.SearchResult:
        self._take(request)
        return make_search(request.question)

    async def context(self, request: Request) -> types.ContextResult:
        self._take(request)
        return make_context(request.question)

    async def answer(self, request: Request) -> types.Answer:
        self._take(request)
        return make_answer(request.question, abstained=self.abstains)

    async def stream(self, request: Request) -> AsyncIterator[StreamEvent]:
        self._take(request)
        yield StreamEvent("context", context=make_context(request.question))
        yield StreamEvent("delta", text="Refunds take\n")
        if self.error is not None:
            raise self.error
        yield StreamEvent("delta", text="30 days [1].")
        yield StreamEvent("answer", answer=make_answer(request.question))


class FakeCatalogue:
    """One corpus, `demo`, with one document."""

    def __init__(self) -> None:
        self.error: RagwrightError | None = None

    def corpora(self) -> list[str]:
        if self.error:
            raise self.error
        return ["demo"]

    def live(self, corpus: str) -> types.Generation:
        if corpus != "demo":
            raise CorpusNotFoundError(f"there is no corpus {corpus!r}")
        return GENERATION

    def document(self, generation: types.Generation, doc_id: str) -> types.Document:
        if doc_id != "policies/refund terms#1.md":
            raise DocumentNotFoundError(f"no document {doc_id!r}")
        return types.Document(doc_id, "Refund terms", TEXT, (), "00" * 32, metadata={"lang": "en"})

    def fields(self, generation: types.Generation) -> frozenset[str]:
        return frozenset({"lang", "product"})

    def visible_chunks(self, generation: types.Generation) -> list[tuple[int, str]]:
        return [(1, "0123456789abcdef")]

    def chunk_count(self, generation: types.Generation) -> int:
        return 1


class FakeEmbedder:
    """Answers, or raises what it is told to."""

    name = "fake"
    dim = 2

    def __init__(self) -> None:
        self.error: Exception | None = None

    def embed(self, texts: list[str], *, with_tokens: bool = False) -> object:
        if self.error:
            raise self.error
        return object()


class FakeRuntime:
    """What `rag.runtime.open_runtime` returns, as far as the edge looks."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.home = Home(settings.environment.home)
        self.engine = None  # nothing is read from it before the sources are listed
        self.pipeline = FakePipeline()
        self.explainer = None  # asked only by its own tests, over a real one
        self.catalogue = FakeCatalogue()
        self.embedder = FakeEmbedder()
        self.verifier = None  # asked only by its own tests, over a real one
        self.counts = {"vectors": 1, "keywords": 1}
        self.closed = False

    def indexes(self, index_id: int) -> Any:
        stores = {name: SimpleNamespace(count=lambda _generation, n=n: n) for name, n in self.counts.items()}
        return SimpleNamespace(id=index_id, embedder=self.embedder, **stores)

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> FakeRuntime:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


@pytest.fixture
def runtime(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRuntime]:
    """A fake runtime that `open_runtime` also returns, given the settings that the command was called with."""
    fake = FakeRuntime(Settings())

    def open_runtime(settings: Settings) -> FakeRuntime:
        fake.settings = settings
        return fake

    monkeypatch.setenv("RAGWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("rag.runtime.open_runtime", open_runtime)
    yield fake
