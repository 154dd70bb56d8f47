from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from api.cli.render import search_text
from api.cli.render_explain import explain_text
from rag.answer.extractive import ExtractiveGenerator
from rag.answer.verify import LexicalVerifier
from rag.context.compress import compressor
from rag.errors import DocumentNotFoundError, PassageError
from rag.explain.flow import Explainer
from rag.explain.gates import fate
from rag.explain.levers import LEVERS
from rag.explain.rehearsal import Rehearsal
from rag.explain.values import Explanation, Fate, PassageRef, Target
from rag.models.late_interaction import LateInteraction, QueryEncoder
from rag.pipeline import RagPipeline, Request, Stages, Trace
from rag.rerank.rerankers import reranker
from rag.retrieve.fusion import fusion_of
from rag.retrieve.retrievers import retriever
from rag.settings import Settings
from rag.shapes.explain import explain_json
from rag.types import Message, Prompt, Span
from tests import fakes

QUESTION = "Who keeps the harbour light?"
BEST = "The harbour light is kept by Ada Brandt. The keeper of the harbour light lives there."
GOOD = "The harbour light is old. A storm broke the pane. The harbour keeper wrote it all down."
POOR = "A light rain fell. The market was closed. Nobody bought any fish that day."
TEXTS = {
    "best": BEST,
    "good": GOOD,
    "poor": POOR,
    "long": "The harbour light keeper reads.\n\nA light rain. The market was closed.",
    **{f"other{n}": f"The harbour light number {n} has a keeper. The lamp is {n} feet tall." for n in range(6)},
}


class House:
    """The flow over a fake world, its stages those that the settings name."""

    def __init__(self, texts: Mapping[str, str], **changes: Any) -> None:
        self.world = fakes.make_world(texts)
        base = {"rerank.name": "none", "context.compressor": "none", "context.near_duplicate": 1.0}
        self.settings = Settings().changed({**base, **{key.replace("__", "."): v for key, v in changes.items()}})
        self.explainer = Explainer(self.stages(self.settings), self.settings, self.stages)

    def label(self, labels: Mapping[str, str]) -> None:
        """Give every document and its chunks an access label."""
        catalogue, vectors = self.world.catalogue, self.world.index.vectors
        for doc_id, acl in labels.items():
            document = catalogue.documents[doc_id]
            catalogue.documents[doc_id] = replace(document, metadata={**document.metadata, "acl": acl})
        for pk, chunk in catalogue.by_pk.items():
            fields = {**chunk.metadata, "acl": labels[chunk.doc_id]}
            catalogue.by_pk[pk] = replace(chunk, metadata=fields)
            vectors.points[pk] = replace(vectors.points[pk], fields=fields)  # type: ignore[attr-defined]

    def kinds(self, kinds: Mapping[str, str]) -> None:
        """Give some documents and their chunks a kind."""
        self.label({chunk.doc_id: kinds.get(chunk.doc_id, "page") for chunk in self.world.catalogue.by_pk.values()})

    def stages(self, settings: Settings) -> Stages:
        world = self.world
        interaction = LateInteraction(world.indexes, QueryEncoder(world.indexes))
        return Stages(
            catalogue=world.catalogue,
            retrievers=tuple(retriever(name, world.stores()) for name in settings.retrieval.retrievers),
            fusion=fusion_of(settings.retrieval),
            reranker=reranker(settings.rerank, interaction),
            compressor=compressor(settings.context, interaction.readings),
            tokenizer=lambda generation: fakes.FakeTokenizer(),
            render=lambda spec, question, context, history: Prompt("p", "1", (Message("user", question),)),
            gate=fakes.FakeGate(),
            generator=ExtractiveGenerator(3),
            verifier=LexicalVerifier(0.5),
        )

    def variant(self, settings: Settings) -> RagPipeline:
        return RagPipeline(self.stages(settings), settings)

    async def explain(self, doc_id: str, text: str | None = None, **request: Any) -> Explanation:
        span = None
        if text is not None:
            start = self.world.catalogue.documents[doc_id].text.index(text)
            span = Span(start, start + len(text))
        return await self.explainer.explain(Request(QUESTION, "fake", **request), PassageRef(doc_id, span))

    async def admits(self, found: Explanation, changes: Mapping[str, Any]) -> bool:
        result = await self.variant(self.settings.changed(changes)).context(Request(QUESTION, "fake"))
        spans = [s for p in result.context.passages if p.doc_id == found.target.doc_id for s in p.spans]
        return any(span.overlaps(found.target.span) for span in spans)


GATES = [
    ("candidates", "poor", POOR, {"retrieval__candidates": 2, "retrieval__top_k": 2}),
    ("fusion", "poor", POOR, {"context__max_hits": 3}),
    ("rerank", "poor", POOR, {"rerank__name": "maxsim", "rerank__top_n": 50, "context__max_hits": 3}),
    ("rerank", "poor", POOR, {"rerank__name": "learned", "rerank__top_n": 50, "context__max_hits": 3}),
    ("near_duplicate", "poor", POOR, {"context__near_duplicate": 0.5}),
    ("max_per_document", "long", "The market was closed.", {"context__max_per_document": 1}),
    ("compression", "good", "A storm broke the pane.", {"context__compressor": "sentences", "context__keep": 0.2}),
    ("max_passages", "poor", POOR, {"context__max_passages": 2}),
    ("budget", "poor", POOR, {"context__budget_tokens": 60}),
]


@pytest.mark.parametrize(("gate", "doc_id", "text", "changes"), GATES, ids=[row[0] for row in GATES])
async def test_every_gate_is_named_and_what_is_suggested_admits(
    gate: str, doc_id: str, text: str, changes: dict[str, Any]
) -> None:
    copy = {"copy": POOR.replace("A light", "A harbour light")} if gate == "near_duplicate" else {}
    house = House({**TEXTS, **copy}, **changes)
    found = await house.explain(doc_id, text)
    assert found.gate == gate and found.reason and not found.share and not found.tags and found.answer is None
    assert found.suggestions
    for suggestion in found.suggestions:
        assert await house.admits(found, suggestion.settings), suggestion
        assert suggestion.changed_chars > 0
    assert [s.changed_chars for s in found.suggestions] == sorted(s.changed_chars for s in found.suggestions)
    for tried in found.tried:
        assert not [v for v in tried.values if await house.admits(found, {tried.key: v})], tried


@pytest.mark.parametrize(
    ("key", "changes", "step"),
    [
        ("context.max_passages", {"context__max_passages": 2}, 1),
        ("context.budget_tokens", {"context__budget_tokens": 60}, 25),
        ("context.keep", {"context__compressor": "sentences", "context__keep": 0.2}, 0.01),
    ],
)
async def test_a_limit_is_raised_no_further_than_needed(key: str, changes: dict[str, Any], step: float) -> None:
    house = House(TEXTS, **changes)
    found = await house.explain("good" if key == "context.keep" else "poor")
    if found.gate is None:
        found = await house.explain("good", "A storm broke the pane.")
    (value,) = [s.settings[key] for s in found.suggestions if set(s.settings) == {key}]
    assert await house.admits(found, {key: value})
    assert not await house.admits(found, {key: round(float(value) - step, 2) if step < 1 else int(value) - int(step)})


async def test_what_no_single_setting_admits_may_need_several() -> None:
    house = House(TEXTS, retrieval__candidates=2, retrieval__top_k=2, context__max_hits=2, context__budget_tokens=40)
    found = await house.explain("poor")
    assert found.gate == "candidates"
    assert {item.key for item in found.tried} == {"retrieval.candidates"}
    (suggestion,) = found.suggestions
    assert len(suggestion.settings) > 1 and await house.admits(found, suggestion.settings)
    for key in suggestion.settings:
        fewer = {other: value for other, value in suggestion.settings.items() if other != key}
        assert not await house.admits(found, fewer), f"{key} is needless"


async def test_a_word_for_word_copy_cannot_be_admitted_and_the_search_says_what_it_tried() -> None:
    house = House({"a": POOR, "b": POOR, "best": BEST}, context__near_duplicate=0.9)
    found = await house.explain("b")
    assert found.gate == "near_duplicate" and not found.suggestions
    assert "context.near_duplicate" in {item.key for item in found.tried}


async def test_ranks_beyond_the_candidates_are_those_of_a_search_without_a_cut() -> None:
    narrow, wide = House(TEXTS, retrieval__candidates=1, retrieval__top_k=1), House(TEXTS)
    cut, whole = await narrow.explain("poor"), await wide.explain("poor")
    for name in ("dense", "bm25"):
        assert cut.stages[name] is not None and cut.stages[name] == whole.stages[name]
        assert cut.stages[name].rank > 1
    assert cut.stages["fused"] is None and whole.stages["fused"] is not None
    assert cut.rank is None and whole.rank is not None


async def test_a_stage_without_a_score_says_so() -> None:
    house = House({"best": BEST, "alien": "Zebras graze quietly."}, retrieval__candidates=1, retrieval__top_k=1)
    found = await house.explain("alien")
    assert found.stages["bm25"] is None and found.stages["dense"] is not None
    assert "bm25 gives it no score" in found.reason and "dense ranks it 2" in found.reason


async def test_text_that_no_chunk_holds_was_not_ingested() -> None:
    house = House(TEXTS)
    house.world.catalogue.by_pk = {pk: c for pk, c in house.world.catalogue.by_pk.items() if c.doc_id != "poor"}
    found = await house.explain("poor")
    assert (found.gate, found.suggestions, found.tried, found.chunk) == ("not_ingested", (), (), None)


async def test_the_sentences_that_hang_on_a_passage_are_named() -> None:
    house = House({"best": BEST, "poor": POOR})
    fact = "The harbour light is kept by Ada Brandt."
    found = await house.explain("best", fact)
    assert found.gate is None and found.share == 1 and found.tags == (1,) and found.in_hits
    assert found.answer is not None and not found.suggestions and not found.tried
    lost = [change.sentence.text for change in found.sentences if change.loses_support]
    assert len(lost) == 1 and fact in lost[0]
    other = await house.explain("poor", "Nobody bought any fish that day.")
    assert other.gate is None and not any(change.loses_support for change in other.sentences)


async def test_part_of_a_passage_counts_with_its_share_and_what_was_left_out() -> None:
    house = House({"good": GOOD}, context__compressor="sentences", context__keep=0.027)
    found = await house.explain("good")
    assert found.gate is None and 0 < found.share < 1
    assert found.left_out and all(item.reason == "compressed_away" for item in found.left_out)


async def test_the_budget_of_a_request_is_the_setting_that_a_suggestion_changes() -> None:
    house = House(TEXTS)
    found = await house.explain("poor", budget_tokens=60)
    assert found.gate == "budget"
    assert any("context.budget_tokens" in suggestion.settings for suggestion in found.suggestions)


async def test_a_document_that_the_filter_hides_is_as_unknown_as_one_that_is_not_there() -> None:
    house = House(TEXTS)
    messages = set()
    for doc_id in ("poor", "nowhere"):
        with pytest.raises(DocumentNotFoundError) as caught:
            await house.explain(doc_id, filter={"name": "best"})
        messages.add(str(caught.value).replace(doc_id, "X"))
    assert len(messages) == 1
    shown = await house.explain("best", filter={"name": "best"})
    assert shown.gate is None and shown.rank == 1 and shown.stages["dense"].rank == 1


@pytest.mark.parametrize("budget", [16, 40, 1500])
@pytest.mark.parametrize("labels", ["aabb", "abab", "abbb", "aaaa"])
async def test_an_explanation_shows_nothing_of_what_the_filter_hides(labels: str, budget: int) -> None:
    texts = {f"doc{n}": f"The harbour light keeper of ward{n}. He keeps lamp{n} all night." for n in range(len(labels))}
    house = House(texts, context__budget_tokens=budget)
    house.label(dict(zip(texts, labels, strict=True)))
    for n in (n for n, label in enumerate(labels) if label == "a"):
        found = await house.explain(f"doc{n}", filter={"acl": "a"})
        shown = explain_json(found).model_dump_json() + explain_text(found)
        seen = {int(number) for number in re.findall(r"(?:doc|ward|lamp)(\d)", shown)}
        assert n in seen and all(labels[number] == "a" for number in seen)
        assert all(at is None or at.rank <= labels.count("a") for at in found.stages.values())


@pytest.mark.parametrize("span", [Span(0, 10_000), Span(9_000, 9_001), Span(18, 19)])
async def test_a_range_without_text_is_refused(span: Span) -> None:
    house = House(TEXTS)
    assert POOR[18] == " "
    with pytest.raises(PassageError) as caught:
        await house.explainer.explain(Request(QUESTION, "fake"), PassageRef("poor", span))
    assert "\n" not in str(caught.value) and "poor" in str(caught.value)


async def test_a_document_that_the_settings_leave_out_is_named_with_its_setting() -> None:
    house = House(TEXTS, retrieval__leave_out=["acl in [notes, drafts]"])
    house.kinds({"best": "notes"})
    found = await house.explain("best")
    assert found.gate == "left_out" and found.rank is None and not found.suggestions and not found.tried
    assert "retrieval.leave_out" in found.reason and "acl in [notes, drafts]" in found.reason
    assert "retrieval.leave_out" in explain_text(found) and "No single setting" not in explain_text(found)
    result = await house.variant(house.settings).search(Request(QUESTION, "fake", top_k=50))
    assert result.hits and "best" not in {hit.chunk.doc_id for hit in result.hits}
    other = await house.explain("good")
    assert other.gate is None
    with pytest.raises(DocumentNotFoundError):
        await house.explain("best", filter={"name": "good"})


@pytest.mark.parametrize(("rerank", "factor"), [("none", 0.3), ("maxsim", 0.05), ("learned", 0.05)])
async def test_a_demoted_passage_is_named_with_its_setting(rerank: str, factor: float) -> None:
    changes = {"rerank__name": rerank, "rerank__top_n": 50, "context__max_hits": 2}
    plain, house = House(TEXTS, **changes), House(TEXTS, **changes, retrieval__demote={"acl=notes": factor})
    for one in (plain, house):
        one.kinds({"best": "notes"})
    before, found = await plain.explain("best"), await house.explain("best")
    assert before.gate is None and before.rank is not None
    assert found.gate == "demoted" and found.rank is not None and found.rank > before.rank
    assert found.stages["before_demotion"].rank == before.rank
    assert f"retrieval.demote (acl=notes) puts it from rank {before.rank} to {found.rank}" in found.reason
    for suggestion in found.suggestions:
        assert await house.admits(found, suggestion.settings)
    shown = search_text(await house.variant(house.settings).search(Request(QUESTION, "fake", top_k=50)))
    assert f"demoted from {before.rank}" in shown


async def test_a_demoted_hit_makes_room_for_one_that_no_stage_looked_at() -> None:
    """What a question's context holds must not hang on how many hits were read."""
    house = House(TEXTS, retrieval__demote={"acl=notes": 0.01}, context__max_hits=2, retrieval__top_k=2)
    best = [hit.chunk.doc_id for hit in (await house.variant(house.settings).search(Request(QUESTION, "fake"))).hits]
    house.kinds(dict.fromkeys(best, "notes"))
    result = await house.variant(house.settings).context(Request(QUESTION, "fake"))
    assert not {passage.doc_id for passage in result.context.passages} & set(best)
    assert (await house.explain(best[0])).gate == "demoted"


@pytest.mark.parametrize(("gate", "doc_id", "text", "changes"), GATES, ids=[row[0] for row in GATES])
async def test_a_run_that_reuses_earlier_ones_comes_to_the_same_as_one_of_its_own(
    gate: str, doc_id: str, text: str, changes: dict[str, Any]
) -> None:
    copy = {"copy": POOR.replace("A light", "A harbour light")} if gate == "near_duplicate" else {}
    house = House({**TEXTS, **copy}, **changes)
    target = (await house.explain(doc_id, text)).target
    generation = house.world.catalogue.live("fake")
    shared = Rehearsal(Request(QUESTION, "fake"), generation, house.settings, house.stages)
    now = fate_of(await shared.trace(), target)
    tried = [{lever.key: value} for lever in LEVERS for value in [*lever.values(house.settings, now)][:4]]
    several = {"retrieval.candidates": 9, "context.max_hits": 9, "context.budget_tokens": 99}
    for change in [*tried, several, *reversed(tried)]:
        ours = await shared.fate(target, change)
        own = fate_of(await house.variant(house.settings.changed(change)).trace(Request(QUESTION, "fake")), target)
        assert (ours.gate, ours.hit, ours.held) == (own.gate, own.hit, own.held), change
        assert ours.context is None or (ours.context, ours.left_out) == (own.context, own.left_out), change


async def test_what_would_take_too_many_runs_is_named() -> None:
    house = House(TEXTS, retrieval__candidates=2, retrieval__top_k=2, context__max_hits=2, context__budget_tokens=40)
    whole = await house.explain("poor")
    assert whole.suggestions and not whole.not_tried
    house.explainer = Explainer(house.stages(house.settings), house.settings, house.stages, most=5)
    found = await house.explain("poor")
    assert found.not_tried and not found.suggestions and found.gate == whole.gate
    assert "Not tried" in explain_text(found) and found.not_tried[-1] in explain_text(found)
    assert explain_json(found).not_tried == list(found.not_tried)


def fate_of(trace: Trace, target: Target) -> Fate:
    return fate(trace.hits, trace.context.packed_from, trace.context.context, target)
