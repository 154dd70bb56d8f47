"""Forms without headings: a line that repeats the question says whose form it is, and is no answer."""

from __future__ import annotations

import pytest

from rag.answer.extractive import choose, statements
from rag.answer.lookup import answered
from rag.types import Context, Passage, Span

INVOICES = "\n\n".join(
    f"Invoice {n}\n\nTotal due: {t} EUR" for n, t in (("71", "9.00"), ("72", "8.50"), ("73", "7.75"))
)
MENU = "Dish | Price\nSoup | 4.50\nRoast | 14.20\nCake | 3.90"
MODELS = "Property | Model A1 | Model B2\nWeight | 12 kg | 15 kg\nNoise | 61 dB | 64 dB"
FACTS = "Rated power | 5.5 kW\nNoise level | 68 dB(A)\nOil volume | 4.2 litres"
STOCK = "Depot | Tool | Count\n" + "\n".join(
    f"Depot {d} | Tool {t} | {d}0{t}" for d in range(1, 6) for t in range(1, 5)
)


def context(*texts: str) -> Context:
    """Return a context of plain passages."""
    passages = (Passage(i, f"d{i}", "Data", "", text, (Span(0, len(text)),), 1) for i, text in enumerate(texts, 1))
    return Context(tuple(passages), 1, 100, "fake")


def said(question: str, *texts: str) -> list[str]:
    """Return what is chosen for an answer."""
    return [sentence.text for sentence in choose(question, context(*texts), 3)]


@pytest.mark.parametrize(("number", "total"), [("71", "9.00"), ("72", "8.50"), ("73", "7.75")])
@pytest.mark.parametrize("asked", ["invoice {}", "Invoice No. {}", "invoice number {}"])
def test_a_line_above_says_whose_total_it_is(asked: str, number: str, total: str) -> None:
    assert said(f"What is the total due of {asked.format(number)}?", INVOICES) == [f"Total due: {total} EUR"]


@pytest.mark.parametrize("number", ["C-881", "C-882", "C-883"])
def test_a_line_at_the_foot_says_it_of_all_of_its_passage(number: str) -> None:
    verdicts = {"C-881": "Verdict: passed", "C-882": "Verdict: failed", "C-883": "Verdict: passed with honours"}
    pages = [f"{verdict}\n\nCertificate {n}" for n, verdict in verdicts.items()]
    assert said(f"What is the verdict on certificate {number}?", *pages) == [verdicts[number]]


@pytest.mark.parametrize("number", ["C-881", "C-882", "C-883"])
def test_lines_at_the_foot_of_each_form_of_one_passage(number: str) -> None:
    verdicts = {"C-881": "Verdict: passed", "C-882": "Verdict: failed", "C-883": "Verdict: passed late"}
    text = "\n\n".join(f"{verdict}\n\nCertificate {n}" for n, verdict in verdicts.items())
    assert said(f"What is the verdict on certificate {number}?", text) == [verdicts[number]]


def test_of_two_rows_with_the_identifier_that_answers_which_has_all_that_is_asked() -> None:
    fleet = "Van | Driver\nV-1 | Ana\nV-2 | Bo", "Van | Mileage\nV-1 | 120400\nV-2 | 88100"
    assert said("Who drives V-2?", *fleet) == ["V-2 | Bo"]


def test_what_stands_under_the_label_of_another_is_no_answer() -> None:
    assert said("What is the total due of invoice 79?", INVOICES) == []


def test_a_line_that_says_more_is_no_label() -> None:
    assert said("Who painted door D-4?", "Door D-5 painted by Ana\n\nThe paint is green.") != []


@pytest.mark.parametrize(
    ("question", "table", "row"),
    [
        ("What does the roast cost?", MENU, "Roast | 14.20"),
        ("What is the weight of model B2?", MODELS, "Weight | 12 kg | 15 kg"),
        ("What is the noise level?", FACTS, "Noise level | 68 dB(A)"),
        ("How many of tool 4 are in depot 3?", STOCK, "Depot 3 | Tool 4 | 304"),
        ("count of Tool 2 in Depot 1", STOCK, "Depot 1 | Tool 2 | 102"),
    ],
)
def test_a_row_that_the_question_names_answers(question: str, table: str, row: str) -> None:
    assert said(question, table) == [row]
    assert answered(question, statements(context(table)))


@pytest.mark.parametrize(
    "question", ["Who cooked the roast?", "Why does the roast cost so much?", "How do I order cake?", "What is a tart?"]
)
def test_a_row_that_has_not_all_that_is_asked_is_left_to_the_estimate(question: str) -> None:
    assert not answered(question, statements(context(MENU)))
