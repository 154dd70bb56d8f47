"""Sections are the runs of blocks under one heading; headings read without their marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.golden.sections import heading_text, plain, sections_of
from ingest.partition import partition_file

PAGE = (
    "---\ntitle: T\n---\n\nBefore.\n\n# Guide\n\n## 2.1 Vaults\n\nOne.\n\n- two\n- three\n"
    "\n## Empty\n\n### Deep\n\nFour.\n"
)


def test_sections_hold_what_stands_under_a_heading(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(PAGE)
    document = partition_file(path, "a.md")
    found = [(s.heading, document.text[s.span.start : s.span.end]) for s in sections_of(document)]
    assert found == [("", "Before."), ("Vaults", "One.\n\n- two\n- three"), ("Deep", "Four.")]
    assert [s.path for s in sections_of(document)][1] == "a.md > Guide > Vaults"


@pytest.mark.parametrize(
    ("heading", "read"),
    [
        ("## 2.1 Vaults and *Spaces*", "Vaults and Spaces"),
        ("3. Unpacking", "Unpacking"),
        ("A. Is it alive?", "Is it alive?"),
        ("A few files", "A few files"),
        ("4.1.4 (5 November 2024)", "4.1.4 (5 November 2024)"),
        ("`GET /devices` ##", "GET /devices"),
        ("Chapter 4: Roles", "Roles"),
    ],
)
def test_headings_read_without_marks_and_numbers(heading: str, read: str) -> None:
    assert heading_text(heading) == read


def test_plain_text_keeps_identifiers() -> None:
    assert plain("**Set** `scan.low_memory` in [the\nconsole](https://x.example) to _on_, 2 * 3") == (
        "Set scan.low_memory in the console to on, 2 * 3"
    )
