"""A passage of several small sections knows the heading of each."""

from __future__ import annotations

from rag.answer.extractive import choose
from rag.context.sections import sectioned
from rag.types import Block, Context, Passage, Span
from rag.units import units_of

TOTALS = {"4411": "1,204.00", "4412": "88.50", "4413": "640.75"}


def passage(shift: int = 0) -> tuple[Passage, list[Block]]:
    """Return one passage of three invoices whose chunk knows no headings, and the blocks of its document."""
    text, blocks = "", []
    for number, total in TOTALS.items():
        for kind, line in (("heading", f"Invoice {number}"), ("paragraph", f"Total due: {total} EUR")):
            start = shift + len(text)
            blocks.append(Block(kind, Span(start, start + len(line)), (f"Invoice {number}",)))  # type: ignore[arg-type]
            text += f"{line}\n\n"
    return Passage(1, "d", "Invoices", "", text, (Span(shift, shift + len(text)),), 1), blocks


def test_an_answer_stands_below_the_heading_that_is_asked_for() -> None:
    for shift in (0, 50):
        found, blocks = passage(shift)
        context = Context((sectioned(found, blocks),), 1, 100, "fake")
        for number, total in TOTALS.items():
            chosen = choose(f"What is the total due of invoice {number}?", context, 3)
            assert [sentence.text for sentence in chosen] == [f"Total due: {total} EUR"]


def test_a_heading_is_no_answer() -> None:
    found, blocks = passage()
    one = sectioned(found, blocks)
    assert one.is_title(3) and not one.is_title(found.text.index("Total"))
    headings = Context((sectioned(found, [b for b in blocks if b.kind == "heading"]),), 1, 100, "fake")
    assert all(s.text.startswith("Total") for s in choose("Which invoices are there?", headings, 3))


def test_a_passage_of_a_document_without_blocks_stays() -> None:
    found, _ = passage()
    assert sectioned(found, []) is found and len(units_of(found.text)) == 6
