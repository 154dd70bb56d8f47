"""200 planted failures, each broken at one stage of the shipped flow, and the stage that the taxonomy names."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from eval.failures import first_broken_stage
from eval.golden import Case, GoldenSet, GoldSpan
from eval.runner import RunOptions, run
from rag.answer.verify import LexicalVerifier
from rag.context.compress import SentenceCompressor
from rag.pipeline import RagPipeline, Stages
from rag.retrieve.fusion import fusion_of
from rag.settings import ContextSettings, RetrievalSettings, Settings
from rag.types import Candidate, Chunk, Hit, Message, Prompt, Query, Reading, Span
from tests import fakes

STAGES = (
    "not_ingested",
    "not_retrieved",
    "reranked_away",
    "ranked_too_low",
    "dropped_as_duplicate",
    "compressed_away",
    "over_budget",
    "wrongly_abstained",
    "not_cited",
    "unsupported",
)
EACH = 20
USED = 5  # hits that the context is packed from
WORDS = "amber birch cedar delta ember fjord grove heath inlet jetty knoll ledge marsh north ocean plain ridge".split()


@pytest.mark.parametrize("stage", STAGES)
async def test_the_first_broken_stage_of_planted_failures(stage: str) -> None:
    named = Counter([await _named(stage, seed) for seed in range(EACH)])
    assert named == {stage: EACH}


async def test_a_healthy_case_has_no_broken_stage() -> None:
    assert {await _named(None, seed) for seed in range(EACH)} == {None}


class Planted:
    """One case: ten documents with a fact each, the third of them gold, and the flow broken at one stage."""

    def __init__(self, stage: str | None, seed: int) -> None:
        self.stage, self.rng = stage, random.Random(f"{stage}-{seed}")
        names = self.rng.sample(WORDS, 10)
        self.facts = [f"The {name} station opened in {1900 + self.rng.randrange(99)} on the coast." for name in names]
        self.gold = self.facts[0]
        self.texts = {f"{name}.md": self._page(fact) for name, fact in zip(names, self.facts, strict=True)}
        self.doc_id = f"{names[0]}.md"
        if stage == "dropped_as_duplicate":
            self.texts["copy.md"] = self.texts[self.doc_id]
        self.world = fakes.make_world({k: v for k, v in self.texts.items() if not self._missing(k)})

    def golden(self) -> GoldenSet:
        start = self.texts[self.doc_id].index(self.gold)
        gold = GoldSpan(self.doc_id, Span(start, start + len(self.gold)), self.gold)
        case = Case("1", "When did it open?", True, "answer", doc_ids=(self.doc_id,), spans=(gold,), cluster="1")
        return GoldenSet("planted", Path(), Path(), (case,), "0" * 64)

    def pipeline(self) -> RagPipeline:
        world = self.world
        ranking = self._ranking()
        stages = Stages(
            catalogue=world.catalogue,
            retrievers=(fakes.FakeRetriever("dense", ranking),),
            fusion=fusion_of(RetrievalSettings(retrievers=("dense",), fusion="rrf")),
            reranker=_Demote(self._is_gold) if self.stage == "reranked_away" else _AsTheyAre(),
            compressor=SentenceCompressor(self._closeness, 0.5),
            tokenizer=lambda generation: fakes.FakeTokenizer(),
            render=lambda spec, question, context, history: Prompt("p", "1", (Message("user", question),)),
            gate=fakes.FakeGate("too little evidence" if self.stage == "wrongly_abstained" else None),
            generator=_Writer(self),
            verifier=LexicalVerifier(0.5),
        )
        budget = 60 if self.stage == "over_budget" else 2000
        settings = replace_context(Settings(), ContextSettings(max_hits=USED, budget_tokens=budget, near_duplicate=0.9))
        return RagPipeline(stages, settings)

    def _page(self, fact: str) -> str:
        padding = [f"Nothing of note {self.rng.randrange(10**6)} was seen by keeper {i}." for i in range(3)]
        return " ".join([padding[0], fact, *padding[1:]])

    def _missing(self, doc_id: str) -> bool:
        return self.stage == "not_ingested" and doc_id == self.doc_id

    def _is_gold(self, chunk: Chunk) -> bool:
        return chunk.doc_id == self.doc_id

    def _ranking(self) -> list[Candidate]:
        """Return the chunks with gold at the rank that the planted stage needs."""
        chunks = list(self.world.chunks)
        gold = [chunk for chunk in chunks if self._is_gold(chunk)]
        copies = [chunk for chunk in chunks if chunk.doc_id == "copy.md"]
        others = [chunk for chunk in chunks if chunk not in gold and chunk not in copies]
        self.rng.shuffle(others)
        if self.stage == "not_retrieved":
            gold = []
        rank = {"ranked_too_low": USED + self.rng.randrange(3), "over_budget": USED - 1}.get(
            str(self.stage), self.rng.randrange(1, USED - 1)
        )
        ordered = [*copies, *others]
        ordered[rank:rank] = gold
        return [Candidate(chunk.pk, 1.0 - i / 100) for i, chunk in enumerate(ordered)]

    def _closeness(self, query: Query, hits: Sequence[tuple[Chunk, Sequence[Span]]]) -> list[list[Reading]]:
        """Score facts high and padding low, and gold lowest where compression is to lose it."""
        return [[Reading(*(self._score(chunk, span),) * 2) for span in spans] for chunk, spans in hits]

    def _score(self, chunk: Chunk, span: Span) -> float:
        text = chunk.text[span.start - chunk.span.start : span.end - chunk.span.start]
        if text.strip() == self.gold and self.stage == "compressed_away":
            return -1.0
        rank = next(i for i, fact in enumerate([*self.facts, text.strip()]) if fact == text.strip())
        late = self.stage == "over_budget" and rank == 0
        return 0.2 if rank == len(self.facts) else 0.6 if late else 0.9


class _Writer(fakes.FakeGenerator):
    """Writes what the planted stage asks for, citing the passage that holds it."""

    def __init__(self, planted: Planted) -> None:
        super().__init__()
        self._planted = planted

    async def stream(self, question, context, prompt):  # type: ignore[no-untyped-def]
        self.text = self._written(context.passages)
        async for piece in super().stream(question, context, prompt):
            yield piece

    def _written(self, passages):  # type: ignore[no-untyped-def]
        planted = self._planted
        wanted = planted.gold
        tag = next((p.tag for p in passages if planted.gold in p.text and p.doc_id == planted.doc_id), None)
        if tag is None or planted.stage == "not_cited":
            fact, tag = next((f, p.tag) for f in planted.facts[1:] for p in passages if f in p.text)
            return f"{fact} [{tag}]"
        if planted.stage == "unsupported":
            year = wanted.split()[5]
            return f"{wanted.replace(year, str(int(year) + 7))} [{tag}]"
        return f"{wanted} [{tag}]"


class _Demote:
    """Puts what it is told to last."""

    name = "demote"

    def __init__(self, last: Callable[[Chunk], bool]) -> None:
        self._last = last

    async def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        ordered = sorted(hits, key=lambda hit: self._last(hit.chunk))
        return [replace(hit, rank=rank) for rank, hit in enumerate(ordered, 1)]


class _AsTheyAre:
    name = "none"

    async def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        return list(hits)


class _Shelf:
    """The world's documents and chunks as scoring reads them."""

    def __init__(self, world: fakes.FakeWorld) -> None:
        self._world = world

    def document(self, generation, doc_id):  # type: ignore[no-untyped-def]
        return self._world.catalogue.document(generation, doc_id)

    def document_chunks(self, generation, doc_id):  # type: ignore[no-untyped-def]
        return [chunk for chunk in self._world.chunks if chunk.doc_id == doc_id]


def replace_context(settings: Settings, context: ContextSettings) -> Settings:
    return settings.model_copy(update={"context": context})


async def _named(stage: str | None, seed: int) -> str | None:
    planted = Planted(stage, seed)
    options = RunOptions(ragas=False, depth=20)
    found = await run(
        planted.golden(),
        planted.pipeline(),
        fakes.GENERATION.corpus,
        options=options,
        library=_Shelf(planted.world),
        verifier=LexicalVerifier(0.5),
    )
    return first_broken_stage(found.rows[0].seen)
