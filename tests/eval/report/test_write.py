"""The pieces of a report: marks in passages, TREC ids, JUnit's alphabet, whole files, support of sentences."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.evidence import judge_support
from eval.files import utf8
from eval.observation import SupportFinding
from eval.report.highlights import Piece, mark_passage
from eval.report.junit import junit_xml
from eval.report.trec import encode
from rag.files import write_atomic
from rag.shapes.rows import RowPassageJson
from rag.types import Citation, Sentence, Span, Support
from tests.eval.lines import PASSAGE, line


def passage_of(text: str, *spans: tuple[int, int]) -> RowPassageJson:
    return RowPassageJson.model_validate(PASSAGE | {"text": text, "spans": spans})


def test_marks_by_hand() -> None:
    passage = passage_of("abcdefghij … xyz", (0, 5), (5, 10), (20, 23))
    pieces = mark_passage(passage, cited=[(2, 6)], gold=[(4, 8), (20, 99)])
    assert [(p.text, p.cited, p.gold) for p in pieces] == [
        ("ab", False, False), ("cd", True, False), ("e", True, True), ("f", True, True), ("gh", False, True),
        ("ij", False, False), (" … ", False, False), ("xyz", False, True),
    ]  # fmt: skip


edges = st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda e: (e[0], e[0] + e[1]))


@given(st.lists(edges, max_size=4), st.lists(edges, max_size=4))
def test_marks_lose_no_character(cited: list[tuple[int, int]], gold: list[tuple[int, int]]) -> None:
    passage = passage_of("0123456789 … abcdefgh", (3, 13), (20, 28))
    assert "".join(piece.text for piece in mark_passage(passage, cited, gold)) == passage.text


def test_a_text_that_does_not_follow_from_its_spans_is_left_unmarked() -> None:
    assert mark_passage(passage_of("abc", (0, 9)), [(0, 2)], []) == [Piece("abc")]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_trec_ids_have_no_blanks_and_come_back(identifier: str) -> None:
    assert len(encode(identifier).split()) == 1 and encode(identifier).isascii()
    assert unquote(encode(identifier)) == identifier


def test_junit_survives_what_xml_forbids() -> None:
    row = line({
        "id": "a\x00<b>", "kind": "golden", "status": "error", "error": "bad \x1b[31m & worse \ud800",
        "broken": "error", "question": "?", "answer": "", "reason": None, "timings_ms": {},
    })  # fmt: skip
    suite = ElementTree.fromstring(junit_xml("set", [row]))
    assert suite[0].get("name") == "a\ufffd<b>" and suite[0][0].tag == "error"


def test_half_a_surrogate_does_not_cost_the_report() -> None:
    assert utf8("a\ud800b") == b"a?b"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new" and [p.name for p in tmp_path.iterdir()] == ["file"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomic(tmp_path / "folder", b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def cite(quote: str, supported: bool = True) -> Citation:
    return Citation(1, "d", "", "", Span(0, 1), quote, Support(1.0, supported))


class Finder:
    """A verifier that wants every word of the claim in the evidence."""

    name = "finder"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def verify(self, claims: list[tuple[str, str]]) -> list[Support]:
        self.asked += claims
        found = [set(claim.split()) <= set(evidence.split()) for claim, evidence in claims]
        return [Support(float(ok), ok) for ok in found]


async def test_support_is_asked_jointly_alone_and_without_each() -> None:
    both = Sentence("red blue [1][2]", 0, 1, (cite("red"), cite("blue")))
    one = Sentence("red [1]", 0, 1, (cite("red"), cite("green")))
    finder = Finder()
    found = await judge_support([both, one, Sentence("bare", 0, 1)], finder)
    assert found == (
        SupportFinding(True, (False, False), (False, False)),
        SupportFinding(True, (True, False), (False, True)),
        SupportFinding(False),
    )
    assert len(finder.asked) == len(set(finder.asked)) and all("[" not in claim for claim, _ in finder.asked)


async def test_without_a_verifier_the_runtime_speaks_for_each_citation() -> None:
    sentence = Sentence("s", 0, 1, (cite("a", True), cite("b", False)))
    assert await judge_support([sentence], None) == (SupportFinding(True, (True, False), (False, True)),)
