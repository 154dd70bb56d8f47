"""The shipped flow over corpora of one to three chunks, and over what a filter or a label leaves of a larger one."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ingest.pipeline import ingest
from rag.conditions import OneOf
from rag.pipeline import RagPipeline, Request
from rag.runtime import Runtime, open_runtime
from rag.settings import load_settings
from tests.rag.answer.tiny import CASES, CORPORA, NEAR_MISSES, TinyCase

FAULTS = Path(__file__).parent / "faults"
ALONE = (
    "cafe",
    "choir",
    "tickets",
    "garden",
    "ferry",
)  # of 1, 1, 1, 2 and 3 chunks; the others are seen through filters
CLAIM = "The corpus does not mention"
IDENTIFIERS = [
    *("T-250", "D-4", "S-12", "M-9", "PN-137", "0x80070005", "AB/12-34", "v1.10", "ISO 9001:2015", "RFC 2119", "E_42"),
    *("a.b.c", "#123", "GPL-3.0", "12.4.1", "4711", "NL91ABNA0417164300", "file_name.py", "C++", ".NET", "Q\u20117"),
    *("Z\u00adX-81", "W\u200bQ-5", "\uff2b\uff0d\uff17\uff10", "Mo\u00e7ambique-2", "A-1"),
]
"""Of many shapes, several of them with a prefix that is a stop word, invisible characters or other hyphens."""


def written(folder: Path, files: Mapping[str, str]) -> str:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return str(folder)


def holding(identifiers: list[str]) -> dict[str, str]:
    """Return documents that hold every identifier once: in running text, a table, a heading, front matter, a word."""
    places = [identifiers[i::5] for i in range(5)]
    text = " ".join(f"The item {name} was moved to the cellar last spring." for name in places[0])
    table = "Item,Shelf\n" + "".join(f"{name},shelf {n}\n" for n, name in enumerate(places[1], 1))
    headings = "".join(f"# About {name}\n\nIt stands in the hall.\n\n" for name in places[2])
    hidden = (
        "---\n" + "".join(f"k{n}: {name!r}\n" for n, name in enumerate(places[3])) + "---\n# Notes\n\nNothing else.\n"
    )
    compounds = " ".join(f"Ask for the pre-{name}-adapter." for name in places[4])
    return {"a.md": text, "b.csv": table, "c.md": headings, "d.md": hidden, "e.txt": compounds}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[Runtime]:
    root = tmp_path_factory.mktemp("small")
    overrides = [f"embedder.cache_dir={model_cache}", "embedder.threads=1", "ingest.jobs=1"]
    with open_runtime(load_settings(overrides=overrides, environ={"RAGWRIGHT_HOME": str(root / "home")})) as runtime:
        for name in ALONE:
            ingest([written(root / name, CORPORA[name])], name, runtime)
        together = {
            f"{name}-{Path(file).stem}.md": f"---\ntopic: {name}\n---\n{text}"
            for name, files in CORPORA.items()
            for file, text in files.items()
        }
        ingest([written(root / "together", together)], "together", runtime)
        ingest([written(root / "items", holding(IDENTIFIERS))], "items", runtime)
        for name in ("single_letter_ids", "soft_hyphens"):
            ingest([str(FAULTS / name)], name, runtime)
        yield runtime


async def rates(flow: RagPipeline, cases: list[TinyCase], request: Mapping[str, Request]) -> tuple[int, int]:
    """Return how many cases were answered rightly, and how many refused that have no answer."""
    right = refused = 0
    for case in cases:
        answer = await flow.answer(request[case.question])
        right += case.answer is not None and case.answer in answer.text
        refused += case.answer is None and answer.abstained
    return right, refused


async def test_a_tiny_corpus_answers_what_it_says_and_refuses_the_rest(small: Runtime) -> None:
    cases, near = ([case for case in group if case.corpus in ALONE] for group in (CASES, NEAR_MISSES))
    asked = {case.question: Request(case.question, case.corpus) for case in (*cases, *near)}
    right, refused = await rates(small.pipeline, cases, asked)
    answerable = sum(case.answer is not None for case in cases)
    assert answerable >= 10 and right >= 0.85 * answerable
    assert len(cases) - answerable >= 10 and refused >= 0.95 * (len(cases) - answerable)
    assert (await rates(small.pipeline, near, asked))[1] >= 0.7 * len(near)


async def test_so_does_what_a_filter_leaves_of_a_larger_one(small: Runtime) -> None:
    cases = [case for case in CASES if case.corpus != "tickets"]
    asked = {case.question: Request(case.question, "together", filter={"topic": case.corpus}) for case in cases}
    right, refused = await rates(small.pipeline, cases, asked)
    answerable = sum(case.answer is not None for case in cases)
    assert right >= 0.85 * answerable and refused >= 0.95 * (len(cases) - answerable)


@pytest.mark.parametrize("topic", ["cafe", "ferry"])
async def test_so_does_what_a_label_leaves_of_it(small: Runtime, topic: str) -> None:
    cases = [case for case in CASES if case.corpus == topic]
    flow = small.restricted((OneOf("topic", (topic,)),))[0]
    right, refused = await rates(flow, cases, {case.question: Request(case.question, "together") for case in cases})
    answerable = sum(case.answer is not None for case in cases)
    assert right >= answerable - 1 and refused == len(cases) - answerable


async def test_a_single_file_of_identifiers(small: Runtime) -> None:
    ask = small.pipeline.answer
    owner = await ask(Request("Who owns ticket T-250?", "single_letter_ids"))
    assert "T-250" in owner.text and "Owner 5" in owner.text
    assert not {"T-249", "T-251"} & set(re.findall(r"T-\d+", owner.text))
    for question in ("When was D-4 painted?", "What does S-12 weigh?", "Who bought M-9?", "Is A-7 a line in Asia?"):
        answer = await ask(Request(question, "single_letter_ids"))
        assert CLAIM not in (answer.reason or "").replace(f"{CLAIM} Asia,", ""), question
    nowhere = await ask(Request("Who bought M-99 last week?", "single_letter_ids"))
    assert nowhere.reason == f"{CLAIM} M-99, so it cannot answer this."


async def test_an_identifier_that_a_document_holds_is_never_said_to_be_missing(small: Runtime) -> None:
    rng = random.Random(15)
    questions = ("When was {} painted?", "Which team in Lisbon repaired {} for free?")
    for identifier in rng.sample(IDENTIFIERS, len(IDENTIFIERS)):
        answer = await small.pipeline.answer(Request(rng.choice(questions).replace("{}", identifier), "items"))
        claimed = re.search(f"{CLAIM} (.*), so", answer.reason or "")
        plain = {name for name in (claimed.group(1).split(" or ") if claimed else ()) if name != "Lisbon"}
        assert not plain, (identifier, answer.reason)
    absent = await small.pipeline.answer(Request("Which team repaired XK-9917 for free?", "items"))
    assert absent.reason == f"{CLAIM} XK-9917, so it cannot answer this."


async def test_absence_is_of_what_the_caller_may_see(small: Runtime) -> None:
    seen, unseen = OneOf("format", ("csv",)), OneOf("format", ("md",))
    question = "When was valve S-12 painted by Rembrandt?"
    for access, missing in (((), ["Rembrandt"]), ((unseen,), ["Rembrandt"]), ((seen,), ["S-12", "Rembrandt"])):
        flow = small.restricted(access)[0]
        answer = await flow.answer(Request(question, "single_letter_ids"))
        assert answer.reason == f"{CLAIM} {' or '.join(missing)}, so it cannot answer this."


async def test_invisible_characters_cut_no_words(small: Runtime) -> None:
    flow = small.pipeline
    assert "310 Euro" in (await flow.answer(Request("Was kostet der Wohngebäudeschutz im Jahr?", "soft_hyphens"))).text
    for word, doc_id in (
        ("Wohngebäudeschutz", "shykb/tarif.html"),
        ("Donaudampfschiff", "shy.md"),
        ("zerowidth", "shy.md"),
        ("Wärmemengenzähler", "glossar.html"),
    ):
        hit = (await flow.search(Request(word, "soft_hyphens"))).hits[0]
        assert hit.chunk.doc_id == doc_id and "bm25" in hit.stages, word
