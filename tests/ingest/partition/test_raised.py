"""Raised, lowered and built-up text: one decision for all readers, and the same signs in every format."""

from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font

from ingest.partition import partition_file
from ingest.partition.formulas import mathml_text, omml_text
from ingest.partition.raised import fraction, lowered, note_mark, power, raised, root
from tests.ingest import office
from tests.ingest.office import drun, run, text_of, up

pytestmark = pytest.mark.filterwarnings("ignore")

FAULTS = Path(__file__).parents[2] / "faults"


@pytest.mark.parametrize(
    ("before", "text", "after", "shown"),
    [
        ("The limit is 10", "6", " CFU", "^6"),
        ("below 2 x 10", "-3", " mbar", "^-3"),
        ("2 × 10", "−3", " mbar", "^-3"),
        ("10", "6", "5", "^6 "),
        ("measures 45 m", "2", ".", "^2"),
        ("W/(m", "2", "K)", "^2"),
        ("a board of 3 in", "2", "", "^2"),
        ("x", "2", " + 1", "^2"),
        ("and E=mc", "2", ". Log", "^2"),
        ("P = RI", "2", "", "^2"),
        ("E=mc and a part", "2", "", "[^2]"),
        ("x_1", "2", "", "^2"),
        ("(a+b)", "2", "", "^2"),
        ("12", "2", " = 144", "^2"),
        ("2", "10", " bytes", "^10"),
        ("e", "-kt", "", "^-kt"),
        ("x", "n+1", "", "^(n+1)"),
        ("CO3", "2-", "", "^2-"),
        ("by ", "14", "C dating", "^14"),
        ("spare parts", "3", " for 24 months", "[^3]"),
        ("The value is 45", "3", " and", "[^3]"),
        ("1,200", "2", "", "[^2]"),
        ("5", "1", "", "[^1]"),
        ("12 %", "4", "", "[^4]"),
        ("ends here.", "12", "", "[^12]"),
        ("(see the annex)", "4", "", "[^4]"),
        ("as shown", "1,2", "", "[^1][^2]"),
        ("as shown", "[4]", "", "[^4]"),
        ("Smith", "a", " and", "[^a]"),
        ("45", "b", "", "[^b]"),
        ("", "1", " In winter at eight.", "[^1]: "),
        ("the 1", "st", " of May", "st"),
        ("5", "th", " floor", "th"),
        ("le 2", "e", " étage", "e"),
        ("XX", "e", " siècle", "e"),
        ("n", "o", " 5", "o"),
        ("Brand", "TM", "", "™"),
        ("1", "1", "⁄", " 1"),
        ("word", "  ", "word", "  "),
        ("new", "preview", "", " preview"),
    ],
)
def test_raised(before, text, after, shown):
    assert raised(before, text, after) == shown


def test_what_the_file_says_is_a_note_is_one():
    assert raised("10", "6", " CFU", is_note=True) == "[^6]"
    assert note_mark("(3)") == "[^3]" and note_mark(" 1, 2") == "[^1][^2]"


@given(st.integers(0, 10**6), st.integers(0, 999), st.sampled_from(["", " of", ".", "5"]))
def test_raised_digits_never_extend_a_number(number, mark, after):
    shown = raised(f"about {number}", str(mark), after)
    assert shown[0] in "^[ " and f"{number}{mark}" not in f"{number}{shown}"
    assert not (after == "5" and shown[-1].isdigit())


@given(st.integers(0, 10**6), st.integers(0, 999))
def test_lowered_digits_never_extend_a_number(number, mark):
    assert lowered(f"about {number}", str(mark)).startswith("_")


def test_lowered_letters_and_formulas_stay_words():
    assert lowered("H", "2", "O") == "2" and lowered("V", "max") == "max" and lowered("1⁄", "2") == "2"
    assert lowered("log", "2", "8") == "_2 "


def test_built_up_parts():
    assert power("r", "2") == "r^2" and power("a+b", "2") == "(a+b)^2" and power("x", "n+1") == "x^(n+1)"
    assert power("-3", "2") == "(-3)^2" and power("(a)(b)", "2") == "((a)(b))^2"
    assert fraction("3", "4") == "3/4" and fraction("a+b", "2 c") == "(a+b)/(2 c)"
    assert root("x+1") == "√(x+1)" and root("x", "3") == "root(3, x)"


M = f'xmlns:m="{office.OFFICE}/officeDocument/2006/math" xmlns:w="{office.OFFICE}/wordprocessingml/2006/main"'


def mrun(text):
    return f"<m:r><m:t>{text}</m:t></m:r>"


FORMULA = (
    f"{mrun('D=')}<m:f><m:num>{mrun('3')}</m:num><m:den>{mrun('4')}</m:den></m:f>"
    f"<m:sSup><m:e>{mrun('10')}</m:e><m:sup>{mrun('2')}</m:sup></m:sSup>"
)
MATHML = "<math><mi>E</mi><mo>=</mo><mfrac><mn>3</mn><mn>4</mn></mfrac><msup><mi>v</mi><mn>2</mn></msup></math>"


@pytest.mark.parametrize(
    ("xml", "shown"),
    [
        (FORMULA, "D=3/4 10^2"),
        (f"{mrun('25')}{mrun('0')}", "250"),
        (f"<m:rad><m:deg/><m:e>{mrun('x+1')}</m:e></m:rad>", "√(x+1)"),
        (f"<m:sSub><m:e>{mrun('x')}</m:e><m:sub>{mrun('1')}</m:sub></m:sSub>", "x_1"),
        (f"<m:d><m:e>{mrun('a')}</m:e></m:d>", "(a)"),
        (
            f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub>{mrun("i=1")}</m:sub><m:sup>{mrun("n")}</m:sup>'
            f"<m:e>{mrun('i')}</m:e></m:nary>",
            "∑_(i=1)^n i",
        ),
        (f"<m:m><m:mr><m:e>{mrun('1')}</m:e><m:e>{mrun('2')}</m:e></m:mr></m:m>", "[1, 2]"),
    ],
)
def test_omml(xml, shown):
    assert omml_text(etree.fromstring(f"<m:oMath {M}>{xml}</m:oMath>")) == shown


@pytest.mark.parametrize(
    ("xml", "shown"),
    [
        (MATHML, "E=3/4 v^2"),
        ("<math><mo>(</mo><mi>a</mi><msup><mo>)</mo><mn>2</mn></msup></math>", "(a)^2"),
        ("<math><msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt></math>", "√(x+1)"),
        ("<math><msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup></math>", "x_1^2"),
        ("<math><semantics><mn>7</mn><annotation>7 in TeX</annotation></semantics></math>", "7"),
        ("<math><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr></mtable></math>", "[1, 2]"),
        ("<math><mmultiscripts><mi>C</mi><mprescripts/><mn>6</mn><mn>9</mn></mmultiscripts></math>", "_6^9 C"),
        ('<math alttext="a^2"></math>', "a^2"),
    ],
)  # fmt: skip
def test_mathml(xml, shown):
    assert mathml_text(etree.fromstring(xml)) == shown


# --- the same signs in every format ----------------------------------------------------------------------------------

SENTENCE = "At most 10^6 cells on 45 m^2, for parts[^3] of the 1st floor."
HTML = "At most 10<sup>6</sup> cells on 45 m<sup>2</sup>, for parts<sup>3</sup> of the 1<sup>st</sup> floor."


def as_docx(folder):
    texts = (run("At most 10"), up("6"), run(" cells on 45 m"), up("2"), run(", for parts"), up("3"), run(" of the 1"))
    return office.docx(folder, ["".join(texts) + up("st") + run(" floor.")])


def as_odt(folder):
    body = HTML.replace("<sup>", '<text:span text:style-name="T1">').replace("</sup>", "</text:span>")
    style = office.odt_style("T1", 'style:text-position="super 58%"')
    return office.odt(folder, f"<text:p>{body}</text:p>", style)


def as_pptx(folder):
    parts = HTML.replace("</sup>", "<sup>").split("<sup>")
    runs = (drun(part, 'baseline="30000"' if at % 2 else "") for at, part in enumerate(parts))
    return office.deck(folder, ["".join(runs)])


def as_xlsx(folder):
    parts = HTML.replace("</sup>", "<sup>").split("<sup>")
    book = openpyxl.Workbook()
    high = InlineFont(vertAlign="superscript")
    book.active["A1"] = CellRichText(*(TextBlock(high, part) if at % 2 else part for at, part in enumerate(parts)))
    book.save(folder / "a.xlsx")
    return folder / "a.xlsx"


BUILDERS = {
    "docx": as_docx,
    "odt": as_odt,
    "pptx": as_pptx,
    "xlsx": as_xlsx,
    "html": lambda folder: office.html(folder, f"<p>{HTML}</p>"),
    "css": lambda folder: office.html(
        folder, f"<p>{HTML}</p>".replace("<sup>", '<span style="vertical-align: super">').replace("</sup>", "</span>")
    ),
    "html-table": lambda folder: office.html(folder, f"<table><tr><td>{HTML}</td><td>b</td></tr></table>"),
    "html-heading": lambda folder: office.html(folder, f"<h2>{HTML}</h2>"),
    "html-code": lambda folder: office.html(folder, f"<pre>{HTML}</pre>"),
    "epub": lambda folder: office.epub(folder, f"<p>{HTML}</p>"),
    "eml": lambda folder: office.eml(folder, f"<p>{HTML}</p>"),
}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS.keys())
def test_raised_text_of_every_format(tmp_path, build):
    assert SENTENCE in text_of(build(tmp_path))


def test_shared_strings_of_a_sheet_are_read_with_their_looks(tmp_path):
    import zipfile

    as_xlsx(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.xlsx") as package:
        members = {name: package.read(name) for name in package.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    inline = etree.fromstring(members[sheet])
    cell = next(inline.iter("{*}c"))
    runs = b"".join(etree.tostring(run) for run in cell.iter("{*}r"))
    main = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    members[sheet] = (
        b"<worksheet " + main + b'><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row></sheetData></worksheet>'
    )
    members["xl/sharedStrings.xml"] = b"<sst " + main + b' count="1"><si>' + runs + b"</si></sst>"
    types = members["[Content_Types].xml"]
    part = (
        b'<Override PartName="/xl/sharedStrings.xml" ContentType='
        b'"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
    )
    members["[Content_Types].xml"] = types.replace(b"</Types>", part)
    assert SENTENCE in text_of(office.pack(tmp_path / "b.xlsx", members))


def test_raised_by_a_character_style_or_by_its_position(tmp_path):
    styles = (
        '<w:style w:type="character" w:styleId="Up"><w:rPr><w:vertAlign w:val="superscript"/></w:rPr></w:style>'
        '<w:style w:type="character" w:styleId="Low"><w:basedOn w:val="Up"/>'
        '<w:rPr><w:vertAlign w:val="subscript"/></w:rPr></w:style>'
    )
    paragraph = (
        run("10") + run("4", '<w:rStyle w:val="Up"/>') + run(" or 1010") + run("2", '<w:rStyle w:val="Low"/>')
        + run(" or 10") + run("7", '<w:position w:val="6"/>')
    )  # fmt: skip
    assert text_of(office.docx(tmp_path, [paragraph], styles=styles)) == "10^4 or 1010_2 or 10^7"


def test_raised_by_a_percentage_or_a_parent_style_in_odt(tmp_path):
    style = (
        office.odt_style("T1", 'style:text-position="33% 58%"')
        + office.odt_style("T2", 'style:text-position="-33% 58%"')
        + '<style:style style:name="T3" style:parent-style-name="T1"/>'
    )
    span = '<text:span text:style-name="{}">{}</text:span>'
    body = f"<text:p>10{span.format('T1', 4)} or 1010{span.format('T2', 2)} or 10{span.format('T3', 7)}</text:p>"
    assert text_of(office.odt(tmp_path, body, style)) == "10^4 or 1010_2 or 10^7"


def test_equations_of_office_files(tmp_path):
    formula = f"<m:oMath>{FORMULA}</m:oMath>"
    assert text_of(office.docx(tmp_path, [run("Dose ") + formula + run(" a day")])) == "Dose D=3/4 10^2 a day"
    slide = office.deck(tmp_path, [drun("Dose ") + f"<a14:m><m:oMath>{FORMULA}</m:oMath></a14:m>"])
    assert "Dose D=3/4 10^2" in text_of(slide)


def test_equations_of_pages_books_and_odt(tmp_path):
    assert "is E=3/4 v^2." in text_of(office.html(tmp_path, f"<p>It is {MATHML}.</p>"))
    assert "is E=3/4 v^2." in text_of(office.epub(tmp_path, f"<p>It is {MATHML}.</p>"))
    inner = MATHML.replace("<math>", '<math xmlns="http://www.w3.org/1998/Math/MathML">')
    frame = '<draw:frame><draw:object xlink:href="./Object 1"/></draw:frame>'
    path = office.odt(tmp_path, f"<text:p>It is {frame}.</text:p>", **{"Object 1__content.xml": inner})
    assert text_of(path) == "It is E=3/4 v^2."
    path = office.odt(tmp_path, f"<text:p>It is {frame.replace('Object 1', 'Object 2')}.</text:p>")
    assert "Object 2" in partition_file(path, "x").warnings[0]


# --- footnotes -------------------------------------------------------------------------------------------------------

NOTE = "Covered for 45[^1] months.\n\n[^1]: Except the B series."


def test_footnotes_of_every_format(tmp_path):
    notes = f'<w:footnote w:id="2"><w:p>{run("Except the B series.")}</w:p></w:footnote>'
    paragraph = run("Covered for 45") + '<w:r><w:footnoteReference w:id="2"/></w:r>' + run(" months.")
    assert text_of(office.docx(tmp_path, [paragraph], footnotes=notes)) == NOTE
    note = "<text:note><text:note-body><text:p>Except the B series.</text:p></text:note-body></text:note>"
    assert text_of(office.odt(tmp_path, f"<text:p>Covered for 45{note} months.</text:p>")) == NOTE
    link = '<sup><a href="#n1">{}</a></sup>'
    body = f'<p>Covered for 45{link.format(1)} months.</p><p id="n1">1. Except the B series. <a href="#r1">↩</a></p>'
    assert NOTE in text_of(office.html(tmp_path, body))
    assert NOTE in text_of(office.eml(tmp_path, body))
    assert text_of(office.epub(tmp_path, body)) == NOTE


def test_footnotes_of_books_that_only_say_so(tmp_path):
    body = (
        '<p>Covered for 45<a epub:type="noteref" href="#n1">1</a> months.</p>'
        '<aside epub:type="footnote" id="n1"><p>Except the B series.</p></aside>'
    )
    assert text_of(office.epub(tmp_path, body)) == NOTE


@pytest.mark.parametrize(
    "notes",
    [
        '<ol><li id="n1">Except the B series.</li><li id="n2">Another one.</li></ol>',
        '<p><sup id="n1">1</sup> Except the B series.</p>',
        '<p><a id="n1" href="#r1">[1]</a> Except the B series.</p>',
        '<div id="n1"><p>[1] Except the B series.</p></div>',
    ],
)
def test_texts_of_footnotes_stand_behind_their_marks(tmp_path, notes):
    body = f'<p>Covered for 45<sup id="r1"><a href="#n1">[1]</a></sup> months.</p>{notes}'
    assert NOTE in text_of(office.html(tmp_path, body))


def test_no_reader_writes_a_footnote_as_one_of_our_citations(tmp_path):
    import re

    for path in [*FAULTS.glob("citation_brackets_docx/*.docx"), *Path(__file__).parents[1].glob("formats/*")]:
        if path.suffix in {".docx", ".odt", ".epub", ".html", ".xhtml", ".htm"}:
            assert not re.search(r"\[\d+\]", text_of(path)), path


# --- the files that broke the product --------------------------------------------------------------------------------


def test_fault_superscript_docx():
    text = text_of(FAULTS / "superscript_docx" / "cleanroom-limits.docx")
    assert all(part in text for part in ("10^6 CFU", "2 x 10^-3 mbar", "45 m^2", "Yeast | 10^4"))
    assert "106" not in text and "104" not in text


def test_fault_mathml_html():
    text = text_of(FAULTS / "mathml_html" / "math.html")
    assert "A=π r^2" in text and "3/4" in text and "CO2 and 10^6, x1x2; 5th floor; 1 1/2 cups" in text
    assert "r2" not in text and "34" not in text


def test_fault_citation_brackets_docx():
    text = text_of(FAULTS / "citation_brackets_docx" / "battery.docx")
    assert "60 months.[^2]\n\n[^2]: Except the B series." in text and "[2]" not in text


def test_struck_numbers_of_a_sheet_are_marked(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Price", 900])
    book.active["B1"].font = Font(strike=True)
    book.save(tmp_path / "a.xlsx")
    assert "Price | ~~900~~" in text_of(tmp_path / "a.xlsx")
