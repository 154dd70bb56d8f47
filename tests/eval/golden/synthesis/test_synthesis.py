"""Synthetic sets: exact places, marked, filtered, the same for the same seed, and a golden set to the loader."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.files import json_object
from eval.golden import load_golden
from eval.golden.export import write_set
from eval.golden.synthesis import Synthesis, SynthesisOptions, synthesize
from eval.golden.synthesis.draft import Draft, Place
from eval.golden.synthesis.filters import NO_ANSWER, NOT_FOUND, answerability, round_trip, unambiguous
from eval.golden.synthesis.mutations import MUTATIONS
from eval.golden.synthesis.unanswerable import Lexicon, swapped
from ingest.partition import partition_file
from rag.errors import ConfigError
from rag.types import Chunk, Document, Hit, Span, StageScore

DEMO = Path(__file__).parents[4] / "corpora" / "demo" / "docs"
NAMES = ["glossary.md", "api/webhooks.md", "faq/billing-faq.txt", "admin/admin-guide-4.2.md", "reference/regions.csv"]


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return [partition_file(DEMO / name, name) for name in NAMES]


def everywhere(documents: Sequence[Document]):
    """Return a search that finds every document whole, as an index of huge chunks would."""
    hits = [
        Hit(Chunk(d.doc_id, d.doc_id, Span(0, len(d.text)), d.text), 1, 1.0, {"bm25": StageScore(1, 1.0)})
        for d in documents
    ]

    async def search(question: str) -> Sequence[Hit]:
        return hits

    return search


def make(documents: Sequence[Document], **options: object) -> Synthesis:
    return asyncio.run(synthesize(documents, everywhere(documents), SynthesisOptions(**options)))  # type: ignore[arg-type]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), n=st.integers(4, 80), held_out=st.integers(0, 2))
def test_every_case_is_exact_marked_and_loadable(
    documents: list[Document], tmp_path_factory: pytest.TempPathFactory, seed: int, n: int, held_out: int
) -> None:
    made = make(documents, seed=seed, n=n, held_out=held_out)
    texts = {document.doc_id: document.text for document in made.documents}
    assert len(made.documents) == len(documents) - held_out and len(made.cases) <= n
    for case in map(json_object, made.cases):
        assert case["synthetic"] is True and case["provenance"]["seed"] == seed and case["provenance"]["template"]
        assert bool(case["relevant"]) == case["answerable"] == (case["expect"] == "answer") == bool(case["answers"])
        for span in case["relevant"]:
            assert texts[span["doc_id"]][span["start"] : span["end"]] == span["text"]
    folder = tmp_path_factory.mktemp("sets") / "set"
    golden = write_set(folder, made.cases, made.documents)
    assert [case.id for case in golden.cases] == [case["id"] for case in map(json_object, made.cases)]
    assert [(c.question, c.expect, c.synthetic, c.provenance) for c in golden.cases] == [
        (c["question"], c["expect"], True, c["provenance"]) for c in map(json_object, made.cases)
    ]
    assert golden == load_golden(folder) and len({case.question for case in golden.cases}) == len(made.cases)


def test_the_same_seed_gives_the_same_set_and_the_shares_are_kept(documents: list[Document]) -> None:
    first, again, other = (make(documents, n=100, seed=seed) for seed in (1, 1, 2))
    assert first.cases == again.cases != other.cases
    assert len(first.cases) == 100 and sum(not case["answerable"] for case in map(json_object, first.cases)) == 25
    changed = [case["provenance"].get("change") for case in map(json_object, first.cases) if case["answerable"]]
    assert 20 <= sum(change is not None for change in changed) <= 23 and {*MUTATIONS} <= {*changed}
    assert {case["kind"] for case in map(json_object, first.cases)} == {"golden", "edge", "adversarial"}


def test_a_held_out_document_is_asked_about_and_gone(documents: list[Document]) -> None:
    made = make(documents, n=80, held_out=1)
    (gone,) = {d.doc_id for d in documents} - {d.doc_id for d in made.documents}
    asked = [case for case in map(json_object, made.cases) if case["provenance"].get("change") == "removed document"]
    assert asked and {case["provenance"]["drafted_at"]["doc_id"] for case in asked} == {gone}
    assert not any(case["answerable"] for case in asked)
    with pytest.raises(ConfigError, match="cannot be held out"):
        make(documents, held_out=len(documents))


def test_what_retrieval_does_not_find_is_dropped_and_counted(documents: list[Document]) -> None:
    hidden = [d for d in documents if d.doc_id != "glossary.md"]
    made = asyncio.run(synthesize(documents, everywhere(hidden), SynthesisOptions(n=60)))
    assert made.dropped[NOT_FOUND] > 5
    assert "glossary.md" not in {span["doc_id"] for case in map(json_object, made.cases) for span in case["relevant"]}
    with pytest.raises(ConfigError, match="no question could be made"):
        asyncio.run(synthesize(documents, everywhere([]), SynthesisOptions(n=10)))


def test_documents_in_other_languages_are_left_alone(documents: list[Document]) -> None:
    german = [replace(documents[0], metadata={"language": "de"}), documents[1]]
    made = make(german, n=30)
    assert made.dropped["document that is not in English"] == 1
    assert {span["doc_id"] for case in map(json_object, made.cases) for span in case["relevant"]} == {
        documents[1].doc_id
    }


# --- filters, mutations, swaps ---


def draft(
    question: str = "What is a vault?", text: str = "A vault is a box.", doc_id: str = "a.md", at: int = 0, **more
):
    place = Place(doc_id, Span(at, at + len(text)), text)
    return Draft(question, more.pop("answer", text), (place,), "definition", f"{doc_id} > S", **more)


def page(doc_id: str, text: str, title: str = "") -> Document:
    return Document(doc_id, title, text, (), "")


def test_a_place_must_hold_the_answer() -> None:
    texts = {"a.md": page("a.md", "A vault is a box.")}
    assert answerability(draft(), texts) == ""
    assert answerability(draft(at=1), texts) == NO_ANSWER
    assert answerability(draft(answer="A vault is a cup."), texts) == NO_ANSWER
    assert answerability(draft(question="word " * 41), texts) == "it is too long"


def test_the_round_trip_asks_the_first_stages() -> None:
    def hit(rank: int, start: int, **ranks: int) -> Hit:
        stages = {name: StageScore(at, 1.0) for name, at in ranks.items()}
        return Hit(Chunk("c", "a.md", Span(start, start + 12), "x" * 12), rank, 1.0, stages)

    assert round_trip(draft(), [hit(30, 0, dense=40, bm25=3, fused=30, reranked=30)], 5) == ""
    assert round_trip(draft(), [hit(1, 0, dense=40, bm25=6, fused=1, reranked=1)], 5) == NOT_FOUND
    assert round_trip(draft(), [hit(1, 14, bm25=1)], 5) == NOT_FOUND
    assert round_trip(draft(), [], 5) == NOT_FOUND


def test_equal_answers_are_joined_and_other_answers_name_their_document() -> None:
    names = {"a.md": "Guide 1", "b.md": "Guide 2", "c.md": "Guide 1"}
    same, dropped = unambiguous([draft(), draft(doc_id="b.md")], names)
    assert dropped == 0 and [place.doc_id for place in same[0].places] == ["a.md", "b.md"]
    other = draft(text="A vault is a cup.", doc_id="b.md")
    told, dropped = unambiguous([draft(), other], names)
    assert dropped == 0 and [d.question for d in told] == [
        "According to “Guide 1”, what is a vault?",
        "According to “Guide 2”, what is a vault?",
    ]
    assert unambiguous([draft(), draft(text="A vault is a cup.", doc_id="c.md")], names) == ([], 2)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_typo_changes_one_word_by_one_slip(seed: int) -> None:
    asked = "What should I know about replacing broken disks?"
    typed = MUTATIONS["typo"](draft(question=asked), random.Random(seed))
    assert typed is not None and typed != asked
    pairs = [(a, b) for a, b in zip(asked.split(), typed.split(), strict=True) if a != b]
    assert len(pairs) == 1 and abs(len(pairs[0][0]) - len(pairs[0][1])) <= 1


def test_other_words_and_the_opposite() -> None:
    rng = random.Random(0)
    other = {
        "What should I do about code TV-1?": "How do I deal with code TV-1?",
        "Are deleted files kept for 60 days?": "Are removed files retained for 60 days?",
        "What does “deleted files” say about “cost”?": "What can I read in “deleted files” on “cost”?",
        "Is it red?": None,
    }
    assert {q: MUTATIONS["synonym"](draft(question=q), rng) for q in other} == other
    assert MUTATIONS["negation"](draft(negated="Is it not?"), rng) == "Is it not?"
    assert MUTATIONS["negation"](draft(), rng) is None


@pytest.mark.parametrize("entity", ["TV-1001", "4.2", "net.proxy", "Courier drive", "vault"])
def test_a_swapped_thing_is_not_in_the_corpus(entity: str) -> None:
    text = "The vault, the Courier drive, net.proxy and TV-1001 came with 4.2."
    lexicon = Lexicon([page("a.md", text)])
    asked = draft(question=f"What does “{entity} list” say about {entity}?", entity=entity)
    for seed in range(20):
        other = swapped(asked, lexicon, random.Random(seed))
        assert other is not None and not lexicon.holds(other.entity)
        assert other.question == f"What does “{entity} list” say about {other.entity}?"
    assert swapped(draft(), lexicon, random.Random(0)) is None
    assert (
        swapped(draft(question="What of 3 - all faults?", entity="3 - all faults"), lexicon, random.Random(0)) is None
    )


def test_the_lexicon_knows_what_one_section_says(documents: list[Document]) -> None:
    lexicon = Lexicon(documents)
    assert lexicon.may_answer("What is the country of region eu-central?")
    assert not lexicon.may_answer("What is the country of region Velmora?")
