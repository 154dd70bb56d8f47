# ruff: noqa: E501
"""Ruby annotations, nested tables, drawn tables of reStructuredText, numbers of lists."""

import zipfile

import pytest

from ingest.partition import partition_file
from ingest.partition.numerals import word_numeral
from tests.ingest.office import DOCX_SPACES, docx, epub, html, odt, pack, run, text_of

W_RUBY = "<w:r><w:ruby><w:rubyPr/><w:rt><w:r><w:t>{}</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>{}</w:t></w:r></w:rubyBase></w:ruby></w:r>"
O_RUBY = "<text:ruby><text:ruby-base>{1}</text:ruby-base><text:ruby-text>{0}</text:ruby-text></text:ruby>"
H_RUBY = "<ruby>{1}<rp>(</rp><rt>{0}</rt><rp>)</rp></ruby>"
BARE_RUBY = "<ruby><rb>{1}</rb><rt>{0}</rt></ruby>"


def _docx(folder, words):
    return docx(folder, [words])


def _odt(folder, words):
    return odt(folder, f"<text:p>{words}</text:p>")


def _html(folder, words):
    return html(folder, f"<p>{words}</p>")


def _epub(folder, words):
    return epub(folder, f"<p>{words}</p>")


RUBIES = [
    (_docx, W_RUBY, run),
    (_odt, O_RUBY, str),
    (_html, H_RUBY, str),
    (_html, BARE_RUBY, str),
    (_epub, H_RUBY, str),
]


@pytest.mark.parametrize(("write", "ruby", "plain"), RUBIES)
def test_a_reading_stands_behind_its_word_and_never_in_it(tmp_path, write, ruby, plain):
    words = plain("駅は") + ruby.format("とう", "東") + ruby.format("きょう", "京") + plain("です。")
    assert "駅は東京(とうきょう)です。" in text_of(write(tmp_path, words))
    words = plain("The ") + ruby.format("World Health Organization", "WHO") + plain(" says.")
    assert "The WHO (World Health Organization) says." in text_of(write(tmp_path, words))


def test_readings_inside_one_ruby_and_of_cells(tmp_path):
    page = "<p><ruby>漢<rt>かん</rt>字<rt>じ</rt></ruby>を読む</p><table><tr><th>a</th><th>b</th></tr>"
    text = text_of(html(tmp_path, page + "<tr><td><ruby>金<rt>きん</rt></ruby></td><td>1</td></tr></table>"))
    assert "漢字(かんじ)を読む" in text and "金(きん) | 1" in text


def test_phonetic_letters_of_a_workbook_are_not_glued_to_the_word(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["x", "place"])
    book.active.append(["1", "WORD"])
    book.save(tmp_path / "plain.xlsx")
    with zipfile.ZipFile(tmp_path / "plain.xlsx") as package:
        members = {name: package.read(name) for name in package.namelist()}
    phonetic = '<t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/>'.encode()
    members = {name: data.replace(b"<t>WORD</t>", phonetic) for name, data in members.items()}
    assert "1 | 東京" in text_of(pack(tmp_path / "a.xlsx", members)) and "ウ" not in text_of(tmp_path / "a.xlsx")


# --- tables in cells --------------------------------------------------------------------------------------------------


def test_rows_of_a_table_in_a_cell_stay_apart(tmp_path):
    inner = "<w:tbl><w:tr><w:tc><w:p>{}</w:p></w:tc><w:tc><w:p>{}</w:p></w:tc></w:tr><w:tr><w:tc><w:p>{}</w:p></w:tc><w:tc><w:p>{}</w:p></w:tc></w:tr></w:tbl>"
    cells = inner.format(run("May"), run("3"), run("June"), run("4 | 5"))
    outer = f"<w:tbl><w:tr><w:tc><w:p>{run('Berth')}</w:p></w:tc><w:tc><w:p>{run('Free')}</w:p></w:tc></w:tr><w:tr><w:tc><w:p>{run('B7')}</w:p></w:tc><w:tc>{cells}<w:p/></w:tc></w:tr></w:tbl>"
    path = docx(tmp_path, [])
    pack(path, {"word/document.xml": f"<w:document {DOCX_SPACES}><w:body>{outer}</w:body></w:document>"})
    assert text_of(path) == "Berth | Free\nB7 | May, 3; June, 4 \\| 5"


def test_rows_of_a_table_in_a_cell_stay_apart_in_html_and_odt(tmp_path):
    inner = "<table><tr><td>May</td><td>3</td></tr><tr><td>June</td><td>4</td></tr></table>"
    page = f"<table><tr><th>Berth</th><th>Free</th></tr><tr><td>B7</td><td>{inner}</td></tr></table>"
    wanted = "Berth | Free\nB7 | May, 3; June, 4"
    assert wanted in text_of(html(tmp_path, page)) and wanted in text_of(epub(tmp_path, page))

    def rows(*rows):
        cells = ("".join(f"<table:table-cell>{cell}</table:table-cell>" for cell in row) for row in rows)
        return (
            "<table:table>" + "".join(f"<table:table-row>{row}</table:table-row>" for row in cells) + "</table:table>"
        )

    def p(text):
        return f"<text:p>{text}</text:p>"

    nested = rows((p("May"), p("3")), (p("June"), p("4")))
    assert text_of(odt(tmp_path, rows((p("Berth"), p("Free")), (p("B7"), nested)))) == wanted


# --- drawn tables -----------------------------------------------------------------------------------------------------

SPANS = """\
T
=

+------------+------------+-----------+
| Header 1   | Header 2   | Header 3  |
+============+============+===========+
| body row 1 | column 2   | column 3  |
+------------+------------+-----------+
| body row 2 | Cells may span columns.|
+------------+------------+-----------+
| body row 3 | Cells may  | - Cells   |
+------------+ span rows. | - contain |
| body row 4 | a + b      | - blocks. |
+------------+------------+-----------+
"""
SPANNED = """\
Header 1 | Header 2 | Header 3
body row 1 | column 2 | column 3
body row 2 | Cells may span columns. | Cells may span columns.
body row 3 | Cells may span rows. a + b | - Cells - contain - blocks.
body row 4 | Cells may span rows. a + b | - Cells - contain - blocks."""


def test_cells_of_a_grid_that_span_rows_stand_in_each(tmp_path):
    (tmp_path / "a.rst").write_text(SPANS)
    document = partition_file(tmp_path / "a.rst", "x")
    table = next(block for block in document.blocks if block.kind == "table")
    assert document.text[table.span.start : table.span.end] == SPANNED and table.head == 1


@pytest.mark.parametrize(
    ("drawn", "rows"),
    [
        ("+---+-----+\n| a | b   |\n|   +--+--+\n|   | c|d |\n+---+--+--+\n", "a | b | b\na | c | d"),
        ("+------+----+\n| 都市 | 値 |\n+======+====+\n| 東京 | 1  |\n|      | 2  |\n+------+----+\n", "都市 | 値\n東京 | 1 2"),
        ("+-----+---+\n| all | x |\n|     +---+\n|     | y |\n|     +---+\n|     | z |\n+-----+---+\n", "all | x\nall | y\nall | z"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("indent", ["", "   "])
def test_more_drawings(tmp_path, drawn, rows, indent):
    lead = ".. table:: Tides\n\n" if indent else "Text.\n\n"
    body = lead + "".join(f"{indent}{line}\n" for line in drawn.splitlines())
    (tmp_path / "a.rst").write_text(body)
    assert rows in text_of(tmp_path / "a.rst")


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "numbers"),
    [
        ("decimal", "1 4 27"),
        ("decimalZero", "01 04 27"),
        ("lowerLetter", "a d aa"),
        ("upperLetter", "A D AA"),
        ("lowerRoman", "i iv xxvii"),
        ("upperRoman", "I IV XXVII"),
        ("ordinal", "1st 4th 27th"),
        ("cardinalText", "One Four Twenty-seven"),
        ("ordinalText", "First Fourth Twenty-seventh"),
        ("chicago", "* § ‡‡‡‡‡‡‡"),
        ("decimalEnclosedCircle", "① ④ 27"),
        ("chineseCounting", "一 四 二十七"),
        ("ideographDigital", "一 四 二七"),
        ("aiueo", "ア エ ヒ"),
        ("ganada", "가 라 파파"),
        ("russianLower", "а г э"),
        ("unheardOf", "1 4 27"),
    ],
)
def test_numbers_of_every_style(style, numbers):
    assert [word_numeral(number, style) for number in (1, 4, 27)] == numbers.split()


def level(depth, style, text, more=""):
    return f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{style}"/>{more}<w:lvlText w:val="{text}"/></w:lvl>'


def item(text, depth=0, number=1):
    return f'<w:pPr><w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr></w:pPr>{run(text)}'


def listed(folder, levels, items, nums='<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'):
    return text_of(docx(folder, items, numbering=f'<w:abstractNum w:abstractNumId="0">{levels}</w:abstractNum>{nums}'))


def test_many_levels_of_different_styles(tmp_path):
    levels = level(0, "decimal", "%1.") + level(1, "decimal", "%1.%2") + level(2, "lowerLetter", "%1.%2.%3")
    items = [item("Yards"), item("Gates", 1), item("North", 2), item("South", 2), item("Walls", 1), item("Roofs")]
    assert listed(tmp_path, levels, items) == (
        "1. Yards\n   1.1 Gates\n      1.1.a North\n      1.1.b South\n   1.2 Walls\n\n2. Roofs"
    )
    levels = level(0, "upperRoman", "Article %1.") + level(1, "decimal", "Section %1.%2", "<w:isLgl/>")
    assert listed(tmp_path, levels, [item("Term"), item("Start", 1)]) == "Article I. Term\n   Section 1.1 Start"


def test_numbers_that_start_elsewhere_or_go_on(tmp_path):
    override = '<w:num w:numId="1"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride></w:num>'
    assert listed(tmp_path, level(0, "lowerRoman", "(%1)"), [item("A"), item("B")], override) == "(v) A\n\n(vi) B"
    own = f'<w:num w:numId="1"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0">{level(0, "upperLetter", "%1)")}</w:lvlOverride></w:num>'
    assert listed(tmp_path, level(0, "decimal", "%1."), [item("A"), item("B")], own) == "A) A\n\nB) B"
    levels = level(0, "decimal", "%1.") + level(1, "decimal", "Q%2", '<w:lvlRestart w:val="0"/>')
    text = listed(tmp_path, levels, [item("A"), item("x", 1), item("B"), item("y", 1)])
    assert text == "1. A\n   Q1 x\n\n2. B\n   Q2 y"


def test_a_numbering_that_names_a_style(tmp_path):
    link = (
        '<w:abstractNum w:abstractNumId="0"><w:numStyleLink w:val="L"/></w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="1"><w:styleLink w:val="L"/>{level(0, "upperLetter", "%1.")}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    )
    assert text_of(docx(tmp_path, [item("Term")], numbering=link)) == "A. Term"


def odt_level(depth, more):
    return f'<text:list-level-style-number text:level="{depth}" {more}/>'


def test_numbers_of_opendocument(tmp_path):
    styles = "".join((
        odt_level(1, 'style:num-format="1" style:num-suffix="."'),
        odt_level(2, 'style:num-format="a" style:num-suffix="" text:display-levels="2"'),
        odt_level(3, 'style:num-format="i" style:num-prefix="(" style:num-suffix=")"'),
    ))  # fmt: skip
    styles = f'<text:list-style style:name="L">{styles}</text:list-style>'

    def items(*parts):
        return "".join(f"<text:list-item>{part}</text:list-item>" for part in parts)

    def p(text):
        return f"<text:p>{text}</text:p>"

    deep = f"<text:list>{items(p('Left'), p('Right'))}</text:list>"
    inner = f"<text:list>{items(p('North') + deep, p('South'))}</text:list>"
    body = f'<text:list text:style-name="L">{items(p("Gates") + inner, p("Walls"))}</text:list>'
    more = f'<text:p>Between.</text:p><text:list text:style-name="L" text:continue-numbering="true">{items(p("Roofs"))}</text:list>'
    assert text_of(odt(tmp_path, body + more, styles)) == (
        "1. Gates\n   1.a North\n      (i) Left\n      (ii) Right\n   1.b South\n\n2. Walls\n\nBetween.\n\n3. Roofs"
    )


def test_numbers_of_headings_of_opendocument(tmp_path):
    outline = (
        '<office:styles><text:outline-style><text:outline-level-style text:level="1" style:num-format="I" style:num-suffix="."/>'
        '<text:outline-level-style text:level="2" style:num-format="1" style:num-suffix="" text:display-levels="2"/>'
        '<text:outline-level-style text:level="3" style:num-format=""/></text:outline-style></office:styles>'
    )
    body = "".join(
        f'<text:h text:outline-level="{n}">{t}</text:h>' for n, t in ((1, "A"), (2, "B"), (3, "C"), (1, "D"))
    )
    assert text_of(odt(tmp_path, body, master=outline)) == "I. A\n\nI.1 B\n\nC\n\nII. D"


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ('<ol type="i"><li>a</li><li>b</li></ol>', "i. a\n\nii. b"),
        ('<ol style="list-style-type: upper-alpha"><li>a</li><li>b</li></ol>', "A. a\n\nB. b"),
        ("<ol reversed><li>a</li><li>b</li></ol>", "2. a\n\n1. b"),
        ('<ol start="9"><li>a</li><li value="12">b</li></ol>', "9. a\n\n12. b"),
    ],
)
@pytest.mark.parametrize("write", [html, epub])
def test_numbers_of_html(tmp_path, write, source, wanted):
    if write is epub:
        source = source.replace("<ol reversed>", '<ol reversed="reversed">')
    assert text_of(write(tmp_path, source)).endswith(wanted)
