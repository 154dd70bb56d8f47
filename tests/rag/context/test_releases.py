from __future__ import annotations

from dataclasses import replace

import pytest

from rag.context.dedupe import drop_near_duplicates
from rag.context.releases import is_newer, prefer_newest
from rag.types import Hit, Metadata
from tests.fakes import make_hit

OLD, NEW = "Backups are kept for 30 days after a delete.", "Backups are kept for 45 days after a delete."


def hit(text: str, doc_id: str, rank: int, title: str, **metadata: str) -> Hit:
    made = make_hit(text, doc_id, rank=rank)
    return replace(made, chunk=replace(made.chunk, title=title, metadata=metadata))


def test_the_newer_release_takes_the_better_place_and_the_older_says_so() -> None:
    hits = [
        hit(OLD, "p24.md", 1, "Retention Policy 2024", version="1.9"),
        hit("Cats are animals.", "cats.md", 2, "Cats"),
        hit(NEW, "p25.md", 3, "Retention Policy 2025", version="1.10"),
    ]
    found = prefer_newest(hits)
    assert [(h.chunk.doc_id, h.rank, h.score) for h in found] == [
        ("p25.md", 1, hits[0].score),
        ("cats.md", 2, hits[1].score),
        ("p24.md", 3, hits[2].score),
    ]
    assert found[2].chunk.title == "Retention Policy 2024 (older release; newer: p25.md)"
    assert found[0].chunk.title == "Retention Policy 2025"


def test_a_newer_release_in_front_stays_there() -> None:
    hits = [hit(NEW, "b", 1, "Policy 2025", date="2025-01-01"), hit(OLD, "a", 2, "Policy 2024", date="2024-01-01")]
    found = prefer_newest(hits)
    assert [h.chunk.doc_id for h in found] == ["b", "a"] and "newer: b" in found[1].chunk.title


def test_what_both_say_is_kept_of_the_newer() -> None:
    hits = [hit(OLD, "a", 1, "Policy 1", version="1"), hit(OLD, "b", 2, "Policy 2", version="2")]
    kept, dropped = drop_near_duplicates(prefer_newest(hits), 0.9)
    assert [h.chunk.doc_id for h in kept] == ["b"] and [d.doc_id for d in dropped] == ["a"]


def test_three_releases_come_newest_first() -> None:
    hits = [hit(NEW, f"v{n}", rank, f"Policy v{n}", version=str(n)) for rank, n in enumerate((1, 3, 2), 1)]
    found = prefer_newest(hits)
    assert found[0].chunk.doc_id == "v3" and [h.rank for h in found] == [1, 2, 3]


@pytest.mark.parametrize(
    "other",
    [
        hit(OLD, "x", 1, "Other Policy 2024", version="1"),
        hit("Cats are animals.", "x", 1, "Policy 2024", version="1"),
        hit(OLD, "x", 1, "Policy"),
        hit(OLD, "x", 1, "2024", version="1"),
    ],
    ids=["another title", "another subject", "no release", "a title of numbers"],
)
def test_what_is_no_release_of_the_same_stays(other: Hit) -> None:
    hits = [other, hit(NEW, "new", 2, "2025" if other.chunk.title == "2024" else "Policy 2025", version="2")]
    assert prefer_newest(hits) == hits


@pytest.mark.parametrize(
    ("a", "b", "newer"),
    [
        ({"version": "4.10"}, {"version": "4.9"}, True),
        ({"version": "4.9"}, {"version": "4.10"}, False),
        ({"version": "4", "date": "2024-02-01"}, {"version": "4", "date": "2024-01-01"}, True),
        ({"date": "2024-10-01"}, {"date": "2024-09-30"}, True),
        ({"date": "2024-01-01"}, {"updated": "2023-01-01"}, False),
        ({"date": "2024-01-01"}, {"date": "2024-01-01"}, False),
        ({"version": ("1", "2")}, {"version": "0"}, False),
        ({}, {}, False),
    ],
)
def test_versions_decide_before_dates(a: Metadata, b: Metadata, newer: bool) -> None:
    made = [hit(OLD, "d", 1, "Policy", **fields).chunk for fields in (a, b)]  # type: ignore[arg-type]
    assert is_newer(*made) == newer


@pytest.mark.parametrize(
    ("a", "b", "newer"),
    [
        ("Policy 2025", "Policy 2024", True),
        ("Policy 2024", "Policy 2025", False),
        ("Guide 4.10", "Guide 4.9", True),
        ("Policy 2025", "Policy", False),
    ],
)
def test_titles_decide_where_there_is_no_metadata(a: str, b: str, newer: bool) -> None:
    assert is_newer(hit(OLD, "a", 1, a).chunk, hit(OLD, "b", 2, b).chunk) == newer
