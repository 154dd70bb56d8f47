"""A look-up in a table is answered from the row that holds the identifier, whatever the other rows look like."""

from __future__ import annotations

import pytest

from rag.answer.extractive import choose, statements
from rag.answer.lookup import answered, narrowed
from rag.types import Context, Passage, ScoredSpan, Section, Span
from rag.units import units_of

TICKETS = (
    "Ticket | Priority | Owner\nT-25 | low | Anna\nT-250 | high | Bruno\nT-251 | high | Carla\nT-2500 | low | Dmitri"
)
SETTINGS = (
    "| Key | Default | Meaning |\n|---|---|---|\n| `net.mtu` | 1400 | packet size |\n| `net.mtu6` | 1280 | for IPv6 |"
)
RELEASES = "Version | Date\nv1.1 | 2 May\nv1.10 | 3 June\nv1.1.3 | 4 July\n2.0 | 5 August"
ORDERS = "Order | Pieces\n4711 | 30\n4712 | 4711\n4713 | 12"
PROSE = "Ticket T-250 came in on Monday. Tickets are read by the desk. Who is on duty owns what comes in."


def context(*texts: str, close: str = "") -> Context:
    """Return passages in which every unit is as close to the question, but one that holds `close` is closer."""
    passages = []
    for tag, text in enumerate(texts, 1):
        units = tuple(
            ScoredSpan(u.span, 0.9 if close and close in text[u.span.start : u.span.end] else 0.5, u.kind)
            for u in units_of(text)
        )
        passages.append(Passage(tag, f"d{tag}", "Title", "", text, (Span(0, len(text)),), 1, units, ("Heading",)))
    return Context(tuple(passages), 1, 100, "fake")


@pytest.mark.parametrize(
    ("question", "table", "only"),
    [
        ("Who owns ticket T-250?", TICKETS, "T-250 | high | Bruno"),
        ("Who owns ticket T-25?", TICKETS, "T-25 | low | Anna"),
        ("who owns t\u2011250", TICKETS, "T-250 | high | Bruno"),
        ("What is the default of net.mtu?", SETTINGS, "| `net.mtu` | 1400 | packet size |"),
        ("When did v1.1 come out?", RELEASES, "v1.1 | 2 May"),
        ("When did version 1.10 come out?", RELEASES, "v1.10 | 3 June"),
        ("When did v2.0 come out?", RELEASES, "2.0 | 5 August"),
        ("How many pieces has order 4711?", ORDERS, "4711 | 30"),
    ],
)
@pytest.mark.parametrize("close", ["", "high", "1280", "July", "4712"])
def test_a_row_answers_for_itself_alone(question: str, table: str, only: str, close: str) -> None:
    assert [s.text for s in choose(question, context(table, close=close), 3)] == [only]


def test_two_identifiers_give_two_rows() -> None:
    found = choose("Who owns T-250 and T-25?", context(TICKETS), 3)
    assert [s.text[:5] for s in found] == ["T-25 ", "T-250"]


def test_sentences_that_name_it_stay() -> None:
    found = narrowed("Who owns ticket T-250?", statements(context(TICKETS, PROSE)))
    assert [s.text for s in found] == ["T-250 | high | Bruno", "Ticket T-250 came in on Monday."]


@pytest.mark.parametrize("question", ["Who owns tickets?", "Who owns ticket T-999?", "What comes in on day 12?"])
def test_without_a_row_that_holds_it_nothing_is_left_out(question: str) -> None:
    every = statements(context(TICKETS, PROSE))
    assert narrowed(question, every) == every and len(every) == 7


@pytest.mark.parametrize(
    ("question", "table"),
    [
        ("Who owns ticket T-250?", TICKETS),
        ("What is T-250's priority?", TICKETS),
        ("T-250", TICKETS),
        ("What does net.mtu mean?", SETTINGS),
        ("What is the date of v1.10?", RELEASES),
        ("How many pieces has order 4711?", ORDERS),
    ],
)
def test_a_row_that_has_all_that_is_asked_answers_a_look_up(question: str, table: str) -> None:
    assert answered(question, statements(context(PROSE, table)))


@pytest.mark.parametrize(
    ("question", "table"),
    [
        ("When was ticket T-250 painted?", TICKETS),
        ("Who owns ticket T-999?", TICKETS),
        ("Who owns tickets?", TICKETS),
        ("Who weighed net.mtu?", SETTINGS),
        ("Which order has 12 pieces of cheese?", ORDERS),
        ("Who owns ticket T-250?", PROSE),
    ],
)
def test_other_questions_are_left_to_the_estimate(question: str, table: str) -> None:
    assert not answered(question, statements(context(table)))


def sections(*parts: tuple[str, str]) -> Context:
    """Return one passage of several sections, each with its heading."""
    text, found, units = "", [], []
    for heading, body in parts:
        start = len(text)
        text += f"{body}\n\n"
        units += [ScoredSpan(Span(u.span.start + start, u.span.end + start), 0.5, u.kind) for u in units_of(body)]
        found.append(Section(Span(start, start + len(body)), (heading,)))
    first = (parts[0][0],)
    passage = Passage(1, "d1", "Title", "", text, (Span(0, len(text)),), 1, tuple(units), first, None, tuple(found))
    return Context((passage,), 1, 100, "fake")


@pytest.mark.parametrize("number", ["7102", "7103", "17103"])
def test_what_a_heading_names_is_answered_from_below_it(number: str) -> None:
    """Three forms of one layout: every one of them says what is asked, and only one is meant."""
    totals = {"7102": "388.00", "7103": "902.75", "17103": "177.10"}
    forms = sections(*((f"Invoice {n}", f"The total due is {total} EUR.") for n, total in totals.items()))
    found = choose(f"What is the total due of invoice {number}?", forms, 3)
    assert [s.text for s in found] == [f"The total due is {totals[number]} EUR."]


def test_a_number_in_a_heading_that_is_not_what_is_asked_for_chooses_nothing() -> None:
    forms = sections(("Report 2024", "The budget was 3 million."), ("Plan", "The budget of 2024 was cut in May."))
    assert len(narrowed("What was the budget in 2024?", statements(forms))) == 2
