"""A row is said with the names of its own columns and its own values, in every format and however it was cut."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunkers import CHUNKERS, chunk
from ingest.partition import partition_file
from ingest.partition.layout import Piece, assemble
from ingest.partition.tables import TableMap
from rag.answer.verify import support_score
from rag.context.citations import locate
from rag.settings import ChunkerSettings
from rag.tables import cells_of, names_of
from rag.types import Chunk, Document
from tests.contracts.test_chunkers import TOKENIZER, embed
from tests.tables import WRITERS, answered, packed, ranked

HEAD = ("Release", "Date", "Owner")
OWNERS = ("Ann Lee", "Ben Ode", "Cleo Ruiz", "Dan Wu")


def releases(count: int) -> list[tuple[str, str, str]]:
    rng = random.Random(count)
    return [
        (
            f"rel{i:03d}",
            f"20{rng.randint(10, 29)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
            rng.choice(OWNERS),
        )
        for i in range(count)
    ]


def written(folder: Path, suffix: str, rows: list[tuple[str, ...]]) -> Document:
    WRITERS[suffix](folder / f"t.{suffix}", rows)
    return partition_file(folder / f"t.{suffix}", f"t.{suffix}")


def cut(document: Document, name: str, size: int = 64, **more: object) -> list[Chunk]:
    config = ChunkerSettings.model_validate({"name": name, "max_tokens": size, "parent_tokens": size * 2, **more})
    return chunk(document, TOKENIZER, config, embed)


async def check_row(row: tuple[str, ...], chunks: list[Chunk], document: Document) -> None:
    question = f"When is {row[0]}?"
    context = await packed(question, ranked(question, chunks), document)
    text, proof = await answered(question, context)
    assert text == f"Release: {row[0]}; Date: {row[1]}; Owner: {row[2]}."
    assert [(cells_of(place.quote), score) for place, score in proof] == [(row, 1.0)]
    shown = next(passage for passage in context.passages if row[0] in passage.text)
    assert "Release" in shown.text and "Date" in shown.text, "the head is not shown with its rows"


@pytest.mark.parametrize("suffix", WRITERS)
async def test_every_row_of_a_cut_table_is_answered_with_its_own_values(suffix: str, tmp_path: Path) -> None:
    rows = releases(30)
    document = written(tmp_path, suffix, [HEAD, *rows])
    for number, name in enumerate(CHUNKERS):
        chunks = cut(document, name)
        below = [piece for piece in chunks if "rel0" in piece.text and "Release" not in piece.text]
        assert len(below) > 2 and all("Release | Date | Owner" in piece.header for piece in below), name
        for row in rows if name == "by-title" else rows[number % 5 :: 5]:
            await check_row(row, chunks, document)


@pytest.mark.parametrize("suffix", ["md", "csv", "html"])
async def test_rows_of_a_long_table_too(suffix: str, tmp_path: Path) -> None:
    rows = releases(200)
    document = written(tmp_path, suffix, [HEAD, *rows])
    for name in ("by-title", "table-aware", "tokens"):
        chunks = cut(document, name)
        for row in rows[::9]:
            await check_row(row, chunks, document)


_cell = st.text("abcdefgh 0123456789.-|", min_size=1, max_size=12).map(str.strip).filter(bool)


@given(
    rows=st.lists(st.tuples(_cell, _cell, _cell), min_size=2, max_size=25),
    name=st.sampled_from(list(CHUNKERS)),
    size=st.integers(24, 90),
    overlap=st.sampled_from([0, 6]),
)
@settings(max_examples=40, deadline=None)
def test_no_row_is_labelled_with_cells_of_another(
    rows: list[tuple[str, ...]], name: str, size: int, overlap: int
) -> None:
    text = "\n".join(" | ".join(cell.replace("|", "\\|") for cell in row) for row in [("Key", "Left", "Right"), *rows])
    clean, blocks = assemble([Piece("paragraph", "Before it."), Piece("table", text, head=1)])
    document = Document("t", "", clean, blocks, "0" * 64)
    at = clean.index("Key | Left")
    for piece in cut(document, name, size, overlap_tokens=overlap):
        for table in piece.tables or ():
            assert table.head is None or (
                table.head.span.start == at and names_of(table.head) == ("Key", "Left", "Right")
            )
            assert piece.parent or piece.span.contains(table.span)
            if table.span.start > at and table.span.end > table.span.start:
                before = clean[clean.rindex("\n", 0, table.span.start) + 1 : table.span.start]
                assert table.column == (len(cells_of(before + "x")) - 1 if before else 0)


# --- tables without a head ----------------------------------------------------------------------------------------

FACTS = [
    ("Rated power", "5.5 kW"),
    ("Noise level", "68 dB(A)"),
    ("Oil volume", "4.2 litres"),
    ("Weight", "212 kg"),
]
SETTINGS = [("vendor", "Nordwind"), ("timeout", "30 seconds"), ("retries", "5"), ("firmware", "7.11.3")]
DESK = [("Owner", "Ann Lee"), ("Location", "Building C"), ("Status", "open"), ("Contact", "the front desk")]


@pytest.mark.parametrize("facts", [FACTS, SETTINGS, DESK], ids=["power", "vendor", "words"])
@pytest.mark.parametrize("suffix", [name for name in WRITERS if name not in ("rst",)])
async def test_the_first_fact_of_a_list_is_no_head(suffix: str, facts: list[tuple[str, str]], tmp_path: Path) -> None:
    document = written(tmp_path, suffix, facts)
    chunks = cut(document, "by-title")
    for key, value in facts:
        question = f"What is the {key}?"
        text, proof = await answered(question, await packed(question, ranked(question, chunks), document))
        assert text == f"{key}: {value}."
        assert [score for _, score in proof] == [1.0]


@pytest.mark.parametrize("suffix", ["csv", "md", "docx", "xlsx"])
def test_a_head_of_two_columns_is_known_by_what_is_below_it(suffix: str, tmp_path: Path) -> None:
    for rows in (
        [("Release", "Date"), *((a, b) for a, b, _ in releases(8))],
        [("Setting", "Command"), ("Verbose", "run --verbose"), ("Quiet", "run --quiet")],
        [("Plan", "Price"), ("Pro", "10 euros"), ("Team", "25 euros")],
        [("Region", "2023"), ("North", "120"), ("South", "99"), ("West", "140")],
    ):
        parts = TableMap.of(written(tmp_path, suffix, rows)).parts
        assert [names_of(part.head) for part in parts] == [rows[0]]


def test_rows_of_a_wide_table_without_a_head_are_all_data(tmp_path: Path) -> None:
    rows = [(f"PN-{i}", f"Bolt {i}", f"{i}.50") for i in range(100, 120)]
    for suffix in ("csv", "xlsx", "docx", "txt"):
        assert {part.head for part in TableMap.of(written(tmp_path, suffix, rows)).parts} == {None}


# --- heads that are not right above their rows --------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["xlsx", "csv", "tsv"])
async def test_a_blank_row_below_the_head_and_between_groups(suffix: str, tmp_path: Path) -> None:
    rows = releases(24)
    blank = ("", "", "")
    spaced = [row for i, row in enumerate(rows) for row in ([blank, row] if i % 8 == 0 else [row])]
    document = written(tmp_path, suffix, [HEAD, *spaced])
    assert {names_of(part.head) for part in TableMap.of(document).parts} == {HEAD}
    chunks = cut(document, "by-title")
    for row in rows:
        await check_row(row, chunks, document)


@pytest.mark.parametrize("suffix", ["csv", "md", "html", "docx", "xlsx"])
async def test_a_head_that_comes_again_is_no_row(suffix: str, tmp_path: Path) -> None:
    rows = releases(30)
    repeated = [row for i, row in enumerate(rows) for row in ([HEAD, row] if i % 7 == 0 else [row])]
    document = written(tmp_path, suffix, repeated)
    for name in ("by-title", "table-aware", "parent-child"):
        chunks = cut(document, name)
        for row in rows:
            await check_row(row, chunks, document)


def test_tables_of_following_pages_share_a_head() -> None:
    rows = [" | ".join(row) for row in releases(9)]
    head = " | ".join(HEAD)
    pieces = [
        Piece("table", "\n".join([head, *rows[:3]]), page=1),
        Piece("table", "\n".join(rows[3:6]), page=2),
        Piece("table", "\n".join([head, *rows[6:]]), page=3),
        Piece("margin", "Page 1", page=1),
    ]
    text, blocks = assemble(pieces)
    parts = TableMap.of(Document("d", "", text, blocks, "0" * 64)).parts
    assert [names_of(part.head) for part in parts] == [HEAD] * 3
    assert [part.head.span.start for part in parts if part.head] == [0, 0, text.rindex(head)]


def test_another_table_on_the_next_page_keeps_its_own_head() -> None:
    pieces = [Piece("table", "Part | Price | Stock\nA1 | 3.50 | 4\nA2 | 4.50 | 2", page=1)]
    pieces += [Piece("table", "City | Distance | Hours\nOslo | 310 | 4\nBergen | 460 | 7", page=2)]
    text, blocks = assemble(pieces)
    parts = TableMap.of(Document("d", "", text, blocks, "0" * 64)).parts
    assert [names_of(part.head)[0] for part in parts] == ["Part", "City"]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "xlsx"])
@pytest.mark.parametrize("blank", [True, False])
async def test_lines_above_the_head_are_text(suffix: str, blank: bool, tmp_path: Path) -> None:
    rows = releases(20)
    above = [("Report: open releases", "", ""), ("Generated: 2026-03-01", "", ""), *([("", "", "")] if blank else [])]
    document = written(tmp_path, suffix, [*above, HEAD, *rows])
    assert "Report: open releases\n\nGenerated: 2026-03-01\n\nRelease | Date" in document.text
    chunks = cut(document, "by-title")
    for row in rows:
        await check_row(row, chunks, document)


@pytest.mark.parametrize("suffix", [name for name in WRITERS if name not in ("txt", "rst")])
async def test_bars_inside_cells_part_no_columns(suffix: str, tmp_path: Path) -> None:
    rows = [("cable", "USB-A | USB-C", "2 m"), ("search", "grep 'warn|fail'", "n/a"), ("plain", "HDMI", "3 m")]
    document = written(tmp_path, suffix, [("Product", "Spec", "Length"), *rows])
    chunks = cut(document, "by-title")
    for row in rows:
        question = f"Which spec has the {row[0]}?"
        text, proof = await answered(question, await packed(question, ranked(question, chunks), document))
        assert text == f"Product: {row[0]}; Spec: {row[1]}; Length: {row[2]}."
        assert [(cells_of(place.quote), score) for place, score in proof] == [(row, 1.0)]


# --- support ------------------------------------------------------------------------------------------------------

EVIDENCE = "Register\nRelease | Date | Owner\n--- | --- | ---\nrel007 | 2021-03-04 | Ann Lee"


@pytest.mark.parametrize(
    ("claim", "supported"),
    [
        ("Release: rel007; Date: 2021-03-04; Owner: Ann Lee.", True),
        ("Release: rel007; Date: 2021-03-04.", True),
        ("Date: rel007; Release: 2021-03-04.", False),
        ("Release: rel007; Owner: 2021-03-04.", False),
        ("Owner: rel007.", False),
        ("Release: rel008; Date: 2021-03-04.", False),
    ],
)
def test_labels_must_agree_with_the_rows_own_cells(claim: str, supported: bool) -> None:
    score = support_score(claim, EVIDENCE)
    assert score == 1.0 if supported else score <= 0.25


async def test_a_claim_that_mixes_two_rows_is_not_proven_by_both(tmp_path: Path) -> None:
    rows = releases(30)
    document = written(tmp_path, "md", [HEAD, *rows])
    question = f"When is {rows[20][0]}?"
    context = await packed(question, ranked(question, cut(document, "by-title")), document)
    passage = next(passage for passage in context.passages if rows[20][0] in passage.text)
    for claim in (
        f"Release {rows[20][0]} came on {rows[21][1]}.",
        f"{rows[20][0]}: {rows[21][1]}.",
        f"Release rel999 came on {rows[21][1]}.",
    ):
        assert support_score(claim, locate(claim, passage).evidence) <= 0.25
