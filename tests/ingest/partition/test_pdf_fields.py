"""Parts of PDF pages that are no plain lines: raised text, form fields, right-to-left lines, short columns."""

from pathlib import Path

import pytest
from reportlab.pdfbase.pdfdoc import PDFString
from reportlab.pdfbase.pdfmetrics import stringWidth

from ingest.partition import partition_file
from ingest.partition.pdf_direction import reading_order
from ingest.partition.pdf_page import Line
from tests.ingest.sheet import Sheet, texts

pytestmark = pytest.mark.filterwarnings("ignore")
FAULTS = Path(__file__).parents[2] / "faults"


@pytest.fixture
def sheet(tmp_path):
    return Sheet(tmp_path / "a.pdf")


def fault(folder):
    (path,) = (FAULTS / folder).glob("*.pdf")
    return partition_file(path, path.name)


# --- raised text ------------------------------------------------------------------------------------------------------


def test_raised_digits_are_set_apart():
    text = fault("superscript_pdf").text
    assert "10^6 CFU per gram" in text and "parts[^3] for 24 months" in text and "106" not in text


def raised_line(sheet, baseline, *spans):
    x = 60
    for text, rise in spans:
        size = 7 if rise else 10
        sheet.put(x, baseline - rise, text, size=size)
        x += stringWidth(text, "Helvetica", size)


@pytest.mark.parametrize(
    ("spans", "wanted"),
    [
        ([("Below 10", 0), ("-3", 4), (" mbar", 0)], "Below 10^-3 mbar"),
        ([("An area of 45 m", 0), ("2", 4), (", fenced", 0)], "An area of 45 m^2, fenced"),
        ([("Up to 10", 0), ("6", 4), ("/ml is fine", 0)], "Up to 10^6/ml is fine"),
        ([("It costs 45", 0), ("3", 4), (" EUR", 0)], "It costs 45[^3] EUR"),
        ([("The H", 0), ("2", -2), ("O is cold", 0)], "The H2O is cold"),
        ([("The 1", 0), ("st", 3), (" of May", 0)], "The 1st of May"),
        ([("3", 4), (" Without tax.", 0)], "[^3]: Without tax."),
    ],
)
def test_raised_and_lowered_text_keeps_its_meaning(sheet, spans, wanted):
    raised_line(sheet, 60, *spans)
    assert sheet.document().text == wanted


# --- form fields and annotations --------------------------------------------------------------------------------------


def test_filled_fields_stand_behind_their_labels():
    text = fault("pdf_form_fields").text
    assert "Policy number: PL-55193-K" in text and "Cause of damage: burst radiator pipe in the attic" in text
    assert "Police informed: [x]" in text


def test_fields_of_every_kind_and_comments_are_read(sheet):
    form = sheet.canvas.acroForm
    sheet.put(60, 100, "Name:")
    form.textfield(name="n", value="Ida Holm", x=150, y=695, width=200, height=16, borderWidth=0)
    sheet.put(60, 130, "Colour:")
    form.choice(name="c", value="teal", options=["red", "teal"], x=150, y=665, width=90, height=16)
    sheet.put(60, 160, "Insured:")
    form.checkbox(name="i", checked=False, x=150, y=635, size=12)
    sheet.put(60, 190, "Nothing:")
    form.textfield(name="e", value="", x=150, y=605, width=200, height=16)
    sheet.canvas.freeTextAnnotation("Received on 4 May", "/Helv 10 Tf", Rect=(60, 500, 300, 520))
    sheet.canvas.textAnnotation("Check this", Rect=(400, 500, 420, 520))
    document = sheet.document()
    assert texts(document) == [
        *("Name: Ida Holm", "Colour: teal", "Insured: [ ]", "Nothing:", "Received on 4 May"),
        "[comment: Check this]",
    ]
    assert not document.warnings


def test_comments_stand_behind_their_page_and_name_their_author(sheet):
    sheet.put(60, 100, "First page.")
    sheet.canvas.textAnnotation("Ask Ann", Rect=(400, 500, 420, 520), T=PDFString("Ben"))
    sheet.canvas.highlightAnnotation("Wrong sum", Rect=(60, 690, 120, 710))
    sheet.turn_page()
    sheet.put(60, 100, "Second page.")
    assert texts(sheet.document()) == [
        *("First page.", "[comment by Ben: Ask Ann]", "[comment: Wrong sum]", "Second page.")
    ]


def test_attached_files_are_named(sheet):
    import pypdfium2 as pdfium

    sheet.put(60, 100, "First page.")
    sheet.document()
    with pdfium.PdfDocument(sheet.path) as file:
        file.new_attachment("prices.xlsx").set_data(b"x")
        file.save(sheet.path.with_name("b.pdf"))
    warnings = partition_file(sheet.path.with_name("b.pdf"), "x").warnings
    assert warnings == ("the attached file 'prices.xlsx' was not ingested",)


# --- right-to-left lines ----------------------------------------------------------------------------------------------


def test_right_to_left_lines_read_in_order():
    document = fault("pdf_rtl")
    wanted = (FAULTS / "pdf_rtl" / "report-he.txt").read_text(encoding="utf-8").split()
    assert document.text.split() == wanted


def words(*texts):
    return [Line(text, 10.0 * i, 0, 10.0 * i + 9, 10, 8, False) for i, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("shown", "read"),
    [
        ("\u05d2 \u05d1 \u05d0", "\u05d0 \u05d1 \u05d2"),
        ("\u05d2 ACME Ltd \u05d0", "\u05d0 ACME Ltd \u05d2"),
        ("12 30 \u0628 \u0627", "\u0627 \u0628 30 12"),
        ("see the \u05d1 \u05d0 sign now", "see the \u05d0 \u05d1 sign now"),
        ("all from left", "all from left"),
    ],
)
def test_order_of_words_in_mixed_lines(shown, read):
    assert " ".join(word.text for word in reading_order(words(*shown.split()))) == read


# --- short columns ----------------------------------------------------------------------------------------------------


def test_two_short_columns_are_two_paragraphs():
    found = texts(fault("pdf_short_columns"))
    assert [text.split()[0] for text in found[1:]] == ["Parking", "Dogs"] and not any("|" in text for text in found)


def test_short_columns_of_unequal_length(sheet):
    sheet.column(
        60, 100, ["The tree stands by the road and", "the keeper waters it twice in", "the dry months of the year."]
    )
    sheet.column(
        320,
        100,
        [
            "A bench under it was given by",
            "the school, whose pupils paint",
            "it anew each spring with a",
            "new colour.",
        ],
    )
    found = texts(sheet.document())
    assert [text.split()[0] for text in found] == ["The", "A"]


def test_a_table_of_short_texts_stays_a_table(sheet):
    rows = [("Parking", "Free for two hours"), ("Dogs", "On a lead only"), ("Lockers", "One euro a day")]
    for i, (left, right) in enumerate(rows):
        sheet.put(60, 100 + 14 * i, left)
        sheet.put(320, 100 + 14 * i, right)
    assert texts(sheet.document(), "table") == ["\n".join(" | ".join(row) for row in rows)]
