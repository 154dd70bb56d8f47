"""What is a running line of a PDF and what is content at the edge of its pages: neither is lost."""

from pathlib import Path

import pytest

from ingest.chunkers import CHUNKERS, chunk
from ingest.partition import partition_file
from ingest.partition.pdf_counters import counts_pages, reading
from rag.settings import ChunkerSettings
from tests.contracts.test_chunkers import TOKENIZER
from tests.ingest.partition.test_pdf import embed
from tests.ingest.sheet import Sheet, texts

pytestmark = pytest.mark.filterwarnings("ignore")
FAULTS = Path(__file__).parents[2] / "faults"
ROMAN = ["i", "ii", "iii", "iv", "v", "vi", "vii"]
WORDS = ["alder", "birch", "cedar", "dogwood", "elm", "fir", "ginkgo", "hazel", "iris", "juniper", "kapok", "larch"]
HEAD = ["Part No", "Description", "Price EUR", "Stock"]


@pytest.fixture
def sheet(tmp_path):
    return Sheet(tmp_path / "a.pdf")


def chunks_of(document, name="heading", max_tokens=200):
    return chunk(document, TOKENIZER, ChunkerSettings(name=name, max_tokens=max_tokens), embed)


def fault(folder):
    (path,) = (FAULTS / folder).glob("*.pdf")
    return partition_file(path, path.name)


def prose(sheet, page, top=120, lines=5):
    words = [WORDS[(page * 5 + i) % len(WORDS)] for i in range(lines)]
    sheet.column(60, top, [f"The {word} stands by the road and the keeper waters it twice" for word in words])


def in_chunks(document, text, name="heading"):
    return sum(text in made.text for made in chunks_of(document, name))


def margins(document):
    return [line for text in texts(document, "margin") for line in text.split("\n")]


# --- content at the edge of pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CHUNKERS))
def test_every_row_of_a_price_list_is_in_a_chunk(name):
    document = fault("pdf_table_rows")
    made = chunks_of(document, name)
    for number in range(101, 245):
        row = f"PN-{number} | "
        assert sum(row in piece.text for piece in made) >= 1, row
    assert not margins(document)


def test_each_page_of_a_price_list_names_its_columns():
    document = fault("pdf_table_rows")
    tables = texts(document, "table")
    assert len(tables) == 4 and all(table.startswith(" | ".join(HEAD) + "\nPN-") for table in tables)
    assert "PN-137 | Valve seal size 26 | 171.25 | 5" in tables[1]


def test_articles_are_headings_of_their_pages():
    document = fault("pdf_article_headings")
    assert texts(document, "heading") == [f"Article {n}" for n in range(1, 6)]
    assert [b.headings[-1] for b in document.blocks if b.kind == "paragraph"] == [f"Article {n}" for n in range(1, 6)]
    assert document.title == "statutes"


def test_number_and_total_of_an_invoice_stand_in_the_chunk_of_its_page():
    (third,) = [made for made in chunks_of(fault("pdf_invoice_totals")) if made.page == 3]
    assert "Invoice 7103" in third.text and "Total due: 902.75 EUR" in third.text
    assert "7102" not in third.text and third.headings == ("Invoice 7103",)


@pytest.mark.parametrize("pages", [2, 3, 7])
@pytest.mark.parametrize("amounts", [["12.50", "80.00", "9.90"], ["49.00", "49.00", "80.00"]])
def test_totals_at_the_foot_stay_on_their_page_even_where_some_are_equal(sheet, pages, amounts):
    for page in range(1, pages + 1):
        sheet.put(60, 60, f"Invoice {880 + page}", size=11)
        prose(sheet, page)
        sheet.put(60, 770, f"Total due: {amounts[page % 3]} EUR")
        sheet.turn_page()
    document = sheet.document()
    assert not margins(document)
    made = chunks_of(document)
    for page in range(1, pages + 1):
        (own,) = [piece for piece in made if piece.page == page]
        assert f"Invoice {880 + page}" in own.text and f"Total due: {amounts[page % 3]} EUR" in own.text


def test_verdicts_of_certificates_are_no_running_lines(sheet):
    verdicts = ["passed", "passed", "failed", "passed", "failed", "passed", "passed"]
    for page, verdict in enumerate(verdicts, start=1):
        sheet.put(60, 60, f"Certificate {page}")
        prose(sheet, page)
        sheet.put(60, 770, f"Result: {verdict}")
        sheet.turn_page()
    document = sheet.document()
    assert [t.split()[1] for t in texts(document) if t.startswith("Result")] == verdicts and not margins(document)


@pytest.mark.parametrize("size", [9, 10, 14])
def test_article_numbers_are_content_though_they_count_as_the_pages_do(sheet, size):
    for page in range(1, 7):
        sheet.put(60, 50, f"Article {page}", size=size)
        prose(sheet, page)
        sheet.turn_page()
    document = sheet.document()
    assert [text for text in texts(document) if text.startswith("Article")] == [f"Article {n}" for n in range(1, 7)]
    assert not margins(document)


def test_a_label_with_its_value_is_no_title_with_a_page_number(sheet):
    for page in range(1, 5):
        sheet.put(60, 50, "Order no.")
        sheet.put(140, 50, str(page))
        prose(sheet, page)
        sheet.turn_page()
    document = sheet.document()
    own = {b.page: document.text[b.span.start : b.span.end] for b in reversed(document.blocks)}
    assert own == {page: f"Order no. {page}" for page in range(1, 5)}
    assert not any(line.isdigit() for line in margins(document))


def table_page(sheet, rows, *, head, top=50, bold=True):
    lefts = (60, 200, 380, 470)
    for i, cells in enumerate([*([HEAD] if head else []), *rows]):
        for left, cell in zip(lefts, cells, strict=True):
            sheet.put(left, top + 16 * i, cell, bold=bold and head and i == 0)


def parts(page, count=6):
    return [
        [f"BX-{page}{i}", f"{WORDS[(page * 3 + i) % 12]} bolt", f"{page * 7 + i}.25", str((page + i) % 9)]
        for i in range(count)
    ]


@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.parametrize("footer", [True, False])
def test_a_table_over_pages_keeps_its_rows_and_its_head(sheet, repeats, footer):
    for page in range(1, 5):
        if footer:
            sheet.put(60, 24, "ACME price list 2025", size=8)
            sheet.put(280, 785, f"Page {page} of 4", size=8)
        table_page(sheet, parts(page, 44), head=repeats or page == 1)
        sheet.turn_page()
    document = sheet.document()
    tables = texts(document, "table")
    assert len(tables) == 4 and all(table.split("\n")[0] == " | ".join(HEAD) for table in tables)
    for page, table in enumerate(tables, start=1):
        assert table.split("\n")[1:] == [" | ".join(row) for row in parts(page, 44)]
    assert all(box.page == block.page for block in document.blocks for box in block.boxes)
    assert in_chunks(document, "ACME price list 2025") == footer


def test_a_table_of_other_columns_on_the_next_page_does_not_take_the_head(sheet):
    table_page(sheet, parts(1), head=True)
    sheet.turn_page()
    for i, row in enumerate([("North", "12.5"), ("South", "11.0"), ("East", "9.5")]):
        sheet.put(90, 50 + 16 * i, row[0])
        sheet.put(300, 50 + 16 * i, row[1])
    assert texts(sheet.document(), "table")[1].startswith("North | 12.5")


def test_a_table_below_a_paragraph_on_the_next_page_does_not_take_the_head(sheet):
    table_page(sheet, parts(1), head=True)
    sheet.turn_page()
    prose(sheet, 1, top=50)
    table_page(sheet, parts(2), head=False, top=200)
    assert "Part No" not in texts(sheet.document(), "table")[1]


# --- running lines ----------------------------------------------------------------------------------------------------


NUMBERS = {
    "page x": lambda page, count: f"Page {page}",
    "page x of y": lambda page, count: f"page {page} of {count}",
    "seite": lambda page, count: f"Seite {page} von {count}",
    "bare": lambda page, count: str(page),
    "dashes": lambda page, count: f"- {page} -",
    "slash": lambda page, count: f"{page} / {count}",
    "roman": lambda page, count: ROMAN[page - 1],
    "appendix": lambda page, count: f"A-{page}",
    "journal": lambda page, count: str(1203 + page),
}


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("style", NUMBERS)
def test_page_numbers_are_margins(sheet, style, count):
    for page in range(1, count + 1):
        prose(sheet, page)
        sheet.put(290, 780, NUMBERS[style](page, count), size=8)
        sheet.turn_page()
    document = sheet.document()
    body = [text for text in texts(document) if not text.startswith("The ")]
    assert {NUMBERS[style](page, count) for page in range(1, count + 1)} == set(body)
    assert len([b for b in document.blocks if b.kind not in {"margin", "paragraph"}]) == 0
    assert len(margins(document)) >= count - 1


RUNNING = {
    "same": lambda page: ("ACME handbook", 60),
    "counted": lambda page: (f"ACME handbook | {page}", 60),
    "odd and even": lambda page: ("ACME handbook", 60) if page % 2 else ("Care of trees", 400),
    "chapters": lambda page: ("1 Planting", 60) if page < 5 else ("2 Watering", 60),
    "dated": lambda page: (f"ACME handbook, rev. 4 of 2 May 2024 - page {page}", 60),
}


@pytest.mark.parametrize("style", RUNNING)
@pytest.mark.parametrize("baseline", [30, 785])
def test_running_titles_are_margins_and_in_one_chunk(sheet, style, baseline):
    for page in range(1, 9):
        prose(sheet, page)
        text, left = RUNNING[style](page)
        sheet.put(left, baseline, text, size=9)
        sheet.turn_page()
    document = sheet.document()
    titles = {RUNNING[style](page)[0] for page in range(1, 9)}
    said = {title.rstrip("0123456789") for title in titles}
    for title in said:
        assert in_chunks(document, title) == 1
    assert len(margins(document)) == 8 - len(said)
    assert not texts(document, "heading")


def test_a_title_with_a_number_far_from_it_runs(sheet):
    for page in range(1, 6):
        sheet.put(60, 30, "Care of trees", size=9)
        sheet.right(540, 30, str(page + 11), size=9)
        prose(sheet, page)
        sheet.turn_page()
    document = sheet.document()
    assert sorted(set(margins(document))) == ["12", *(f"Care of trees {page + 11}" for page in range(2, 6))]
    assert in_chunks(document, "Care of trees") == 1


def test_a_title_that_the_body_says_too_is_not_said_again(sheet):
    sheet.put(60, 60, "Care of trees", size=20)
    for page in range(1, 5):
        sheet.put(60, 30, "Care of trees", size=9)
        prose(sheet, page)
        sheet.turn_page()
    document = sheet.document()
    assert texts(document, "heading") == ["Care of trees"]
    assert in_chunks(document, "Care of trees") == 1 and len(margins(document)) == 4


def test_lines_as_large_as_headings_stay_on_every_page(sheet):
    for page in range(1, 5):
        sheet.put(60, 40, "Claim form", size=14)
        prose(sheet, page)
        sheet.turn_page()
    assert texts(sheet.document(), "heading") == ["Claim form"] * 4


def test_nothing_that_is_drawn_is_missing_from_the_text(sheet):
    for page in range(1, 7):
        sheet.put(60, 30, "ACME handbook", size=9)
        sheet.put(60, 60, f"Form {page * 13}")
        prose(sheet, page)
        sheet.put(60, 740, f"Total: {page * 17}.20")
        sheet.put(280, 785, str(page), size=9)
        sheet.turn_page()
    document = sheet.document()
    for page in range(1, 7):
        own = " ".join(document.text[b.span.start : b.span.end] for b in document.blocks if b.page == page)
        for _, text, *_ in (drawn for drawn in sheet.drawn if drawn[0] == page):
            assert all(word in own for word in text.split()), text


# --- numbers in lines -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "number", "words"),
    [
        ("Page 3 of 12", 3, ""),
        ("ACME | Q3 2022 | 7", 7, "acme | q3 2022"),
        ("7 | ACME", 7, "acme"),
        ("xiv", 14, ""),
        ("第 3 页", 3, ""),
        ("F-12", 12, "f-#"),
        ("ACME guide 3 of 12", 3, "acme guide # of"),
        ("Invoice 7103", None, "invoice 7103"),
        ("Article 3", None, "article 3"),
        ("12.50", None, "12.50"),
        ("mild", None, "mild"),
    ],
)
def test_where_a_page_number_may_stand(line, number, words):
    assert reading(line).number == number
    if number is None or "#" not in words:
        assert reading(line).words == words


def test_page_numbers_go_up_as_the_pages_do_and_may_begin_anew():
    assert counts_pages([(1, 4), (2, 5), (5, 8)])
    assert counts_pages([(1, 1), (2, 2), (3, 1), (4, 2)])
    assert not counts_pages([(1, 4), (2, 9), (3, 2)])
    assert not counts_pages([(1, 7), (2, 7), (3, 7)])
