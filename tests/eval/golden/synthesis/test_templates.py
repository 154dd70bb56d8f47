"""What the templates make of pages: the questions read as questions, and stand on the words that answer them."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.golden.sections import sections_of
from eval.golden.synthesis import TEMPLATES
from eval.golden.synthesis.draft import Draft, name_of
from ingest.partition import partition_file
from rag.types import Document

PLANS = """# Plans

## Prices

| Plan | Users | EUR per month | Sent when | Remarks | Support |
|---|---|---|---|---|---|
| Solo | 1 | 9 | never | – | yes |
| Team `x` | 5 to 50 | 7.50 | monthly | new | no |
| Team `x` | 6 | 7 | monthly | new | no |
| below 3 | 2 | 8 | daily | old | yes |

## Limits

| Limit | Solo | Team |
|---|---|---|
| Devices per user | 3 | 8 |
| Longest retention | 1 year | 2 years |
"""


def document(tmp_path: Path, text: str, name: str = "page.md") -> Document:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return partition_file(tmp_path / name, name)


def drafts(tmp_path: Path, text: str, template: str) -> list[Draft]:
    page = document(tmp_path, text)
    found = [draft for section in sections_of(page) for draft in TEMPLATES[template](section, page)]
    for draft in found:
        for place in draft.places:
            assert page.text[place.span.start : place.span.end] == place.text
    return found


def asked(tmp_path: Path, text: str, template: str) -> dict[str, str]:
    return {draft.question: draft.answer for draft in drafts(tmp_path, text, template)}


def test_cells(tmp_path: Path) -> None:
    found = asked(tmp_path, PLANS, "table cell")
    assert found == {
        "What are the users of plan Solo?": "1",
        "What is the EUR per month of plan Solo?": "9",
        "What stands under “Sent when” for plan Solo in “Prices”?": "never",
        "What stands under “Users” for “below 3” in “Prices”?": "2",
        "What stands under “EUR per month” for “below 3” in “Prices”?": "8",
        "What stands under “Sent when” for “below 3” in “Prices”?": "daily",
        "What stands under “Remarks” for “below 3” in “Prices”?": "old",
        "How many devices per user does Solo have?": "3",
        "How many devices per user does Team have?": "8",
        "What is the longest retention of Solo?": "1 year",
        "What is the longest retention of Team?": "2 years",
    }
    first = drafts(tmp_path, PLANS, "table cell")[0]
    assert first.places[0].text.startswith("| Solo | 1 |") and first.entity == "Solo"


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("How to restore a file", "How do I restore a file?"),
        ("Why a chunk is sent twice", "Can you explain why a chunk is sent twice?"),
        ("4.2 Replacing broken disks", "What should I know about replacing broken disks?"),
        ("Rate limits", "What does “Guide” say about “Rate limits”?"),
        ("Notes", None),
        ("Overview", None),
        ("`GET /devices`", None),
    ],
)
def test_headings(tmp_path: Path, heading: str, question: str | None) -> None:
    body = "A paragraph that is long enough to say something about it. And more."
    found = asked(tmp_path, f"# Guide\n\n## {heading}\n\n{body}\n", "heading")
    expected = "A paragraph that is long enough to say something about it."
    assert found == ({question: expected} if question else {})


def test_a_heading_is_swapped_only_where_it_is_a_name(tmp_path: Path) -> None:
    body = "A paragraph that is long enough to say something about it. And more."
    pages = (f"# Guide\n\n## {heading}\n\n{body}\n" for heading in ("Rate limits", "Rule of thumb", "How to do it"))
    assert [draft.entity for page in pages for draft in drafts(tmp_path, page, "heading")] == ["Rate limits", "", ""]


def test_definitions(tmp_path: Path) -> None:
    page = """# Terms

**Courier drive** - An encrypted disk that is sent by mail. It holds 8 TB.

A **vault** is the encrypted container in which the data of one organisation lives. It has a region.

The service is a program that runs in the background of the computer.

The reason is a disk that was full when the run began in the night.
"""
    assert asked(tmp_path, page, "definition") == {
        "What is meant by “Courier drive”?": "An encrypted disk that is sent by mail.",
        "What is a vault?": "A vault is the encrypted container in which the data of one organisation lives.",
    }


def test_key_value_lines(tmp_path: Path) -> None:
    page = (
        "# Policy\n\nOwner: Birgitte Lund\nNote: not this\nIf asked: say no\nScope: every system that "
        "holds data of a customer\n"
    )
    assert asked(tmp_path, page, "key-value") == {
        "What does “Policy” give as “Owner”?": "Birgitte Lund",
        "What does “Policy” say about “Scope”?": "every system that holds data of a customer",
    }


def test_questions_that_a_page_answers_itself(tmp_path: Path) -> None:
    page = "# Help\n\nQ: When am I charged?\nA: On the first working day. Always.\n"
    page += "\n## Is there a discount?\n\nNo. Ask sales.\n"
    page += "\n## Does it want this?\n\nPerhaps so.\n"
    assert asked(tmp_path, page, "FAQ") == {
        "When am I charged?": "On the first working day.",
        "Is there a discount?": "No. Ask sales.",
    }


def test_steps(tmp_path: Path) -> None:
    page = (
        "# Restore\n\n1. Open the console page.\n2. Select the file. Wait.\n3. Press it.\n\n- a bullet of this\n- b\n"
    )
    assert asked(tmp_path, page, "list step") == {
        "Which step follows “Open the console page” in “Restore”?": "Select the file. Wait.",
        "Which step follows “Select the file” in “Restore”?": "Press it.",
    }


@pytest.mark.parametrize(
    ("sentence", "question", "negated"),
    [
        (
            "The region of a vault cannot be changed afterwards; moving means a new one.",
            "Can the region of a vault be changed afterwards?",
            "Is it true that the region of a vault can be changed afterwards?",
        ),
        (
            "Deleted files are kept for 60 days, because people err.",
            "Are deleted files kept for 60 days?",
            "Is it true that deleted files are not kept for 60 days?",
        ),
        (
            "A TB-2 must not stand near a heater or a window.",
            "Must a TB-2 stand near a heater or a window?",
            "Is it true that a TB-2 must stand near a heater or a window?",
        ),
        ("It is kept for sixty days in the region of the vault.", None, None),
        ("If you are new here the service is free for a month.", None, None),
        ("The fee is 290 EUR for every person in the course.", None, None),
        ("Accepted methods are credit card, debit card, and cash.", None, None),
        ("Every device is listed and its owner is shown beside it.", None, None),
    ],
)
def test_statements(tmp_path: Path, sentence: str, question: str | None, negated: str | None) -> None:
    found = drafts(tmp_path, f"# Page\n\n{sentence}\n", "statement")
    assert [(draft.question, draft.negated, draft.answer) for draft in found] == (
        [(question, negated, sentence)] if question else []
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("---\ntitle: Guide\n---\n\n# Guide for 4.2\n\nText.\n", "Guide for 4.2"),
        ("# Guide\n\nText.\n", "Guide"),
        ("## Start\n\nText.\n\n# from the middle\n\nText.\n", "my page"),
        ("# Why so?\n\nText.\n", "my page"),
    ],
)
def test_documents_are_called_by_a_name_that_a_reader_knows(tmp_path: Path, text: str, name: str) -> None:
    assert name_of(document(tmp_path, text, "my-page.md")) == name
