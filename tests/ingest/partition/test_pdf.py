"""PDF layout on pages drawn here: what stands where is known, so text, tables and boxes can be checked exactly."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from ingest.chunkers import CHUNKERS, chunk
from ingest.partition import partition_file
from ingest.partition.clean import join_placed
from rag.boxes import boxes_of
from rag.settings import ChunkerSettings
from rag.types import Block, Box, Span
from tests.contracts.test_chunkers import TOKENIZER
from tests.ingest.sheet import FONT, HEIGHT, WIDTH, Sheet, texts

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def sheet(tmp_path):
    return Sheet(tmp_path / "a.pdf")


def boxes(document):
    return [(document.text[box.start : box.end], box) for block in document.blocks for box in block.boxes]


# --- boxes ------------------------------------------------------------------------------------------------------------


def assert_places(document, drawn):
    """Check that each drawn line has a box of its text within 2 points of where it was put."""
    placed = boxes(document)
    for page, text, left, baseline, right in drawn:
        near = [b for t, b in placed if t == text and b.page == page and abs(b.left - left) < 2]
        assert near, text
        assert any(abs(b.right - right) < 2 and b.top < baseline - 5 and abs(b.bottom - baseline - 2) < 2 for b in near)


def test_each_line_and_cell_has_a_box_where_it_was_drawn(sheet):
    sheet.put(60, 60, "A heading", size=16)
    sheet.column(60, 100, ["First line of the text", "and its second line."])
    for i, row in enumerate([("Model", "Size"), ("TB-2", "4 TB"), ("TB-8", "64 TB")]):
        for left, cell in zip((60, 250), row, strict=True):
            sheet.put(left, 200 + 14 * i, cell)
    sheet.turn_page()
    sheet.put(90, 300, "On the second page.")
    document = sheet.document()
    assert_places(document, sheet.drawn)
    assert len(boxes(document)) == len(sheet.drawn)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_boxes_of_a_rotated_page_are_those_of_the_page_as_it_is_shown(tmp_path, rotation):
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=(WIDTH, HEIGHT))
    canvas.setPageRotation(rotation)
    canvas.setFont(FONT, 10)
    canvas.drawString(100, 500, "Hello over there")
    canvas.save()
    ((text, box),) = boxes(partition_file(tmp_path / "a.pdf", "a.pdf"))
    width, height = canvas_size(tmp_path / "a.pdf")
    right = 100 + stringWidth(text, FONT, 10)
    own = (100, height - 508, right, height - 498)
    shown = {
        0: own,
        90: (height - own[3], own[0], height - own[1], own[2]),
        180: (width - own[2], height - own[3], width - own[0], height - own[1]),
        270: (own[1], width - own[2], own[3], width - own[0]),
    }[rotation]
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx(shown, abs=2)


def canvas_size(path):
    from pypdf import PdfReader

    box = PdfReader(path).pages[0].mediabox
    return float(box.width), float(box.height)


def test_sideways_and_askew_text_is_read_in_its_own_direction(sheet):
    sheet.column(60, 100, ["Upright text in the middle", "goes on in a second line."])
    for angle, lines in {90: ["A table set sideways", "has a second line"], 45: ["DRAFT"]}.items():
        sheet.canvas.saveState()
        sheet.canvas.translate(400, 300)
        sheet.canvas.rotate(angle)
        for i, line in enumerate(lines):
            sheet.canvas.drawString(0, -12 * i, line)
        sheet.canvas.restoreState()
    document = sheet.document()
    assert sorted(texts(document)) == [
        "A table set sideways has a second line",
        "DRAFT",
        "Upright text in the middle goes on in a second line.",
    ]
    sideways = next(box for text, box in boxes(document) if text == "A table set sideways")
    length = stringWidth("A table set sideways", FONT, 10)
    assert (sideways.left, sideways.top, sideways.right, sideways.bottom) == pytest.approx(
        (392, 500 - length, 402, 500), abs=2
    )


_word = st.from_regex(r"[a-z]{1,7}[0-9]{0,2}[.,;]?", fullmatch=True)
_grid = st.dictionaries(
    st.tuples(st.integers(0, 2), st.integers(0, 25)), st.lists(_word, min_size=1, max_size=3).map(" ".join), min_size=1
)


@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(_grid)
def test_whatever_is_drawn_is_read_once_and_each_box_holds_its_text(tmp_path, grid):
    sheet = Sheet(tmp_path / "grid.pdf")
    for (column, row), text in grid.items():
        sheet.put(40 + 190 * column, 50 + 27 * row, text)
    document = sheet.document()
    read = sorted(" ".join(texts(document)).replace("|", " ").split())
    assert read == sorted(word for text in grid.values() for word in text.split())
    assert_places(document, sheet.drawn)
    assert all(b.span.start <= x.start < x.end <= b.span.end for b in document.blocks for x in b.boxes)


def test_boxes_of_a_range_are_those_that_share_a_character():
    placed = tuple(Box(1, 0, 10 * i, 50, 10 * i + 9, 5 * i, 5 * i + 4) for i in range(6))
    blocks = (Block("paragraph", Span(0, 14), boxes=placed[:3]), Block("paragraph", Span(15, 29), boxes=placed[3:]))
    assert boxes_of(blocks, 0, 29) == placed
    assert boxes_of(blocks, 6, 16) == placed[1:4]
    assert boxes_of(blocks, 4, 5) == () == boxes_of(blocks, 14, 15) == boxes_of((), 0, 9)


def test_lines_know_where_they_are_in_the_joined_text():
    assert join_placed(["re\u00adplace-", "ment", "", "of"]) == (
        "replacement of",
        ((0, 7), (7, 11), (11, 11), (12, 14)),
    )
    assert join_placed(["a third-", "party tool"], lambda a, b: (a, b) == ("third", "party"))[0] == "a third-party tool"


# --- tables -----------------------------------------------------------------------------------------------------------


def test_financial_table_gets_one_header_row_and_whole_cells(sheet):
    for middle, text in ((310, "Three Months Ended"), (490, "Nine Months Ended")):
        sheet.put(middle - stringWidth(text, f"{FONT}-Bold", 10) / 2, 100, text, bold=True)
    for right, year in zip((280, 370, 460, 550), ("2024", "2023") * 2, strict=True):
        for i, line in enumerate(("June 30,", year)):
            sheet.put(right - 20 - stringWidth(line, f"{FONT}-Bold", 10) / 2, 116 + 11 * i, line, bold=True)
    sheet.put(330, 142, "(In millions)")
    rows = [
        ("Operating expenses:",),
        ("Research", "$ 1,200", "$ 900", "$ 3,100", "$ 2,700"),
        ("Gains (losses) on securities held for sale", None, None, None, None),
        ("and other investments", "(12)", "—", "(40)", "7"),
        ("Total", "$ 1,188", "$ 900", "$ 3,060", "$ 2,707"),
    ]
    baseline = 150
    for row in rows:
        baseline += 11 if row[0].startswith("and") else 16
        sheet.put(40, baseline, row[0])
        for right, cell in zip((280, 370, 460, 550), row[1:], strict=False):
            sign, _, figure = (cell or "").rpartition(" ")
            sheet.right(right, baseline, figure)
            if sign:
                sheet.put(right - 60, baseline, sign)
    assert texts(sheet.document()) == [
        "(In millions) | Three Months Ended June 30, 2024 | Three Months Ended June 30, 2023"
        " | Nine Months Ended June 30, 2024 | Nine Months Ended June 30, 2023\n"
        "Operating expenses:\n"
        "Research | $1,200 | $900 | $3,100 | $2,700\n"
        "Gains (losses) on securities held for sale and other investments | (12) | — | (40) | 7\n"
        "Total | $1,188 | $900 | $3,060 | $2,707"
    ]


def test_empty_cells_keep_the_columns_and_stacked_tables_come_apart(sheet):
    def table(top, heads, rows):
        for i, cells in enumerate([("", *heads), *rows]):
            sheet.put(40, top + 16 * i, cells[0])
            for right, cell in zip((300, 400, 500), cells[1:], strict=True):
                sheet.right(right, top + 16 * i, cell)

    table(100, ("Cost", "Gain", "Value"), [("Bonds", "10", "", "11"), ("Funds", "20", "3", "23")])
    table(180, ("Gross", "Tax", "Net"), [("Fees", "5", "1", "4")])
    assert texts(sheet.document()) == [
        "| Cost | Gain | Value\nBonds | 10 |  | 11\nFunds | 20 | 3 | 23",
        "| Gross | Tax | Net\nFees | 5 | 1 | 4",
    ]


# --- columns, hyphens, headings, running lines ------------------------------------------------------------------------


def prose(name, n):
    return [f"{name} line {chr(97 + i)} fills the column to its end" for i in range(n)]


@pytest.mark.parametrize(("lefts", "offset"), [((40, 320), 0), ((40, 320), 5), ((20, 215, 410), 0)])
def test_columns_are_read_one_after_the_other(sheet, lefts, offset):
    names = ["one", "two", "six"][: len(lefts)]
    sheet.put(40, 60, "A title that stands over all of the columns of this page and spans their gutters too", size=13)
    for i, (left, name) in enumerate(zip(lefts, names, strict=True)):
        sheet.column(left, 100 + i * offset, [x[: 34 if len(lefts) == 3 else 60] for x in prose(name, 20)])
    found = texts(sheet.document())
    assert found[0].startswith("A title")
    order = [word for word in " ".join(found).split() if word in names]
    assert order == sorted(order, key=names.index) and len(order) == 20 * len(lefts)


def test_a_hyphen_at_a_line_end_stays_only_if_it_is_the_word_s_own(sheet):
    sheet.column(40, 100, ["A third party reads it. Later the third-", "party tool needs a replace-", "ment at once."])
    assert texts(sheet.document()) == [
        "A third party reads it. Later the third-party tool needs a replacement at once."
    ]


def test_headings_form_a_path(sheet):
    sheet.put(40, 60, "Guide", size=20)
    sheet.put(40, 100, "Install", size=14)
    sheet.put(40, 130, "On Linux", bold=True)
    sheet.column(40, 150, ["Unpack the archive and run the script that", "comes with it, as an ordinary user."])
    sheet.put(40, 200, "Use", size=14)
    sheet.column(40, 220, ["Start it and read what it says on the", "screen, then press the large key."])
    document = sheet.document()
    assert [b.headings for b in document.blocks if b.kind == "paragraph"] == [
        ("Guide", "Install", "On Linux"),
        ("Guide", "Use"),
    ]


def report(sheet, pages=5):
    for page in range(1, pages + 1):
        sheet.put(40, 30, "ACME quarterly report")
        sheet.put(40, 60, f"Part {'ABCDEFG'[page]}", size=16)
        sheet.column(40, 90, [f"Text number {'xyzuvw'[i]} of part {'ABCDEFG'[page]} says this." for i in range(6)])
        sheet.put(280, 780, f"{page}")
        sheet.turn_page()
    return sheet.document()


def test_running_lines_stay_in_the_text_behind_it_and_out_of_the_headings(sheet):
    document = report(sheet)
    margins = ["1", *(f"ACME quarterly report\n{n}" for n in range(2, 6))]
    assert texts(document, "margin") == margins
    assert [b.page for b in document.blocks if b.kind == "margin"] == [1, 2, 3, 4, 5]
    body = document.text[: next(b for b in document.blocks if b.kind == "margin").span.start]
    assert body.endswith("part F says this.\n\nACME quarterly report\n\n") and body.count("ACME") == 1
    assert texts(document, "heading") == [f"Part {x}" for x in "BCDEF"]


def test_a_footer_that_counts_some_of_the_pages_is_found_wherever_it_stands(sheet):
    for page in range(1, 11):
        sheet.column(40, 200, [f"Page text {'abcdefghij'[page - 1]} goes on for a while here."] * (page % 3 + 2))
        if page <= 4:
            sheet.put(250, 300 + 40 * (page % 3), f"ACME | Q{3} report | {page}")
        sheet.turn_page()
    document = sheet.document()
    assert texts(document, "margin") == [f"ACME | Q3 report | {n}" for n in range(2, 5)]
    assert texts(document)[-4] == "ACME | Q3 report | 1"


def embed(texts):
    """Counts of letters, normalised."""
    counts = np.array([[text.count(letter) for letter in "aeinorst "] + [1] for text in texts], np.float32)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


@pytest.mark.parametrize("name", sorted(CHUNKERS))
def test_every_chunk_of_a_pdf_has_a_page_and_boxes_and_one_holds_the_running_line(sheet, name):
    document = report(sheet)
    chunks = chunk(document, TOKENIZER, ChunkerSettings(name=name, max_tokens=40), embed)
    assert sum("ACME quarterly report" in made.text for made in chunks) == 1
    for made in chunks:
        assert made.page == made.boxes[0].page and made.boxes == boxes_of(
            document.blocks, made.span.start, made.span.end
        )


# --- real files -------------------------------------------------------------------------------------------------------


@pytest.mark.data
def test_real_pages_hold_what_pypdf_reads_there():
    data = os.environ.get("RAGWRIGHT_DATA")
    if not data:
        pytest.skip("RAGWRIGHT_DATA is not set")
    from tests.accept.pdf_words import compared

    path = min((Path(data) / "sec10q_pdf" / "docs").glob("*.pdf"), key=lambda file: (file.stat().st_size, file.name))
    document = partition_file(path, path.name)
    pages = list(compared(path, document))
    assert len(pages) > 20 and min(page.share for page in pages) >= 0.99
    assert all(block.boxes for block in document.blocks)
