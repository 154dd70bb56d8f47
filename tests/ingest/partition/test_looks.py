"""Struck text, symbols, links, headers and diagrams: text that office files keep outside of plain letters."""

from pathlib import Path

import openpyxl
import pytest

from ingest.partition import partition_file
from ingest.partition.docx_parts import running_text
from ingest.partition.links import address_behind
from ingest.partition.symbols import symbol
from tests.ingest import office
from tests.ingest.office import OFFICE, drun, run, text_of

pytestmark = pytest.mark.filterwarnings("ignore")

FAULTS = Path(__file__).parents[2] / "faults"
HYPERLINK = f"{OFFICE}/officeDocument/2006/relationships/hyperlink"
FORM = "https://forms.example.org/P9"


def headings(path):
    return {(block.headings[-1:], block.kind) for block in partition_file(path, "x").blocks}


# --- struck text -----------------------------------------------------------------------------------------------------

STRUCK = "It costs ~~900 EUR~~ 1,140 EUR a seat."


def test_struck_text_is_marked(tmp_path):
    paragraph = run("It costs ") + run("900", "<w:strike/>") + run(" EUR", "<w:dstrike/>") + run("1,140 EUR a seat.")
    assert text_of(office.docx(tmp_path, [paragraph])) == STRUCK
    span = '<text:span text:style-name="S">900 EUR</text:span>'
    style = office.odt_style("S", 'style:text-line-through-style="solid"')
    assert text_of(office.odt(tmp_path, f"<text:p>It costs {span} 1,140 EUR a seat.</text:p>", style)) == STRUCK
    runs = drun("It costs ") + drun("900 EUR", 'strike="sngStrike"') + drun(" 1,140 EUR a seat.")
    assert STRUCK in text_of(office.deck(tmp_path, [runs]))
    for tag in ("<s>{}</s>", "<strike>{}</strike>", '<span style="text-decoration: line-through">{}</span>'):
        body = f"<p>It costs {tag.format('900 EUR')} 1,140 EUR a seat.</p>"
        assert STRUCK in text_of(office.html(tmp_path, body))
        assert STRUCK in text_of(office.epub(tmp_path, body))
        assert STRUCK in text_of(office.eml(tmp_path, body))


def test_strike_of_a_style_and_its_absence_in_a_run(tmp_path):
    styles = '<w:style w:type="paragraph" w:styleId="Old"><w:rPr><w:strike/></w:rPr></w:style>'
    paragraph = '<w:pPr><w:pStyle w:val="Old"/></w:pPr>' + run("Gone. ") + run("Here.", '<w:strike w:val="0"/>')
    assert text_of(office.docx(tmp_path, [paragraph], styles=styles)) == "~~Gone.~~ Here."


def test_fault_strike_through():
    text = text_of(FAULTS / "strike_through" / "price-update.docx")
    assert "costs ~~900 EUR~~ 1,140 EUR per seat" in text


# --- symbols ---------------------------------------------------------------------------------------------------------


def test_symbols_of_word(tmp_path):
    sign = '<w:r><w:sym w:font="{}" w:char="{}"/></w:r>'
    box = '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox>{}</w:checkBox></w:ffData></w:fldChar></w:r>'
    paragraphs = [
        sign.format("Wingdings", "F0FE") + run(" yes ") + sign.format("Wingdings", "F06F") + run(" no"),
        run("5 ")
        + run("W", '<w:rFonts w:ascii="Symbol"/>')
        + run(" or ")
        + run("\uf061", '<w:rFonts w:ascii="Symbol"/>'),
        box.format("<w:checked/>") + run(" a ") + box.format('<w:default w:val="0"/>') + run(" b"),
        sign.format("Arial", "03A9"),
    ]
    assert text_of(office.docx(tmp_path, paragraphs)) == "☑ yes ☐ no\n\n5 Ω or α\n\n☒ a ☐ b\n\nΩ"


def test_symbols_of_other_formats(tmp_path):
    style = office.odt_style("S", 'style:font-name="Wingdings"')
    body = '<text:p><text:span text:style-name="S">\uf0fe</text:span> allowed</text:p>'
    assert text_of(office.odt(tmp_path, body, style)) == "☑ allowed"
    runs = '<a:r><a:rPr><a:sym typeface="Symbol"/></a:rPr><a:t>\uf0b1</a:t></a:r>' + drun("2 %")
    assert "±2 %" in text_of(office.deck(tmp_path, [runs]))
    body = '<ul><li><input type="checkbox" checked disabled>done</li><li><input type="checkbox" disabled>open</li></ul>'
    assert "☒ done\n\n☐ open" in text_of(office.html(tmp_path, body))


def test_a_symbol_that_is_not_known_is_named_in_a_warning(tmp_path):
    path = office.docx(tmp_path, [run("a") + '<w:r><w:sym w:font="Wingdings" w:char="F07A"/></w:r>'])
    assert "'Wingdings'" in partition_file(path, "x").warnings[0]
    assert symbol("Symbol", 0xF044) == "Δ" and symbol("No such font", 0xF044) == ""


def test_fault_docx_symbols():
    text = text_of(FAULTS / "docx_symbols" / "approval.docx")
    assert "☑ allowed ☐ forbidden" in text and "50 kΩ at 25 °C, tolerance ±2 %." in text


# --- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "href", "behind"),
    [
        ("the form", "https://a.example/f?x=1", " (https://a.example/f?x=1)"),
        ("the desk", "mailto:desk@a.example?subject=x", " (desk@a.example)"),
        ("the hotline", "tel:+4533112233", " (+4533112233)"),
        ("+45 33 11 22 33", "tel:+4533112233", ""),
        ("https://a.example/f", "https://a.example/f", ""),
        ("a.example", "https://www.a.example/", ""),
        ("desk@a.example", "mailto:desk@a.example", ""),
        ("below", "#part", ""),
        ("next", "../next.html", ""),
        ("bad", "javascript:void(0)", ""),
        ("", "https://a.example/f", ""),
    ],
)
def test_addresses(text, href, behind):
    assert address_behind(text, href) == behind


def test_links_of_every_format(tmp_path):
    wanted = f"Use this form ({FORM}) today."
    relation = f'<Relationship Id="r1" Type="{HYPERLINK}" Target="{FORM}" TargetMode="External"/>'
    link = f'<w:hyperlink r:id="r1">{run("this form")}</w:hyperlink>'
    assert text_of(office.docx(tmp_path, [run("Use ") + link + run(" today.")], relation)) == wanted
    char = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
    code = f'<w:r><w:instrText> HYPERLINK "{FORM}" </w:instrText></w:r>'
    field = char.format("begin") + code + char.format("separate") + run("this form") + char.format("end")
    assert text_of(office.docx(tmp_path, [run("Use ") + field + run(" today.")])) == wanted
    simple = f"<w:fldSimple w:instr=' HYPERLINK \"{FORM}\"'>{run('this form')}</w:fldSimple>"
    assert text_of(office.docx(tmp_path, [run("Use ") + simple + run(" today.")])) == wanted
    body = f'<text:p>Use <text:a xlink:href="{FORM}">this form</text:a> today.</text:p>'
    assert text_of(office.odt(tmp_path, body)) == wanted
    linked = '<a:r><a:rPr><a:hlinkClick r:id="{link}"/></a:rPr><a:t>this form</a:t></a:r>'
    assert wanted in text_of(office.deck(tmp_path, [drun("Use ") + linked + drun(" today.")]))
    for build in (office.html, office.epub, office.eml):
        assert wanted in text_of(build(tmp_path, f'<p>Use <a href="{FORM}">this <b>form</b></a> today.</p>'))
        assert wanted in text_of(build(tmp_path, f'<ul><li>Use <a href="{FORM}">this form</a> today.</li></ul>'))
        cell = f'<table><tr><td>Use <a href="{FORM}">this form</a> today.</td><td>b</td></tr></table>'
        assert f"{wanted} | b" in text_of(build(tmp_path, cell))


def test_links_of_sheets(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Refund", "this form"])
    book.active["B1"].hyperlink = f"{FORM}?a=1&b=2"
    book.save(tmp_path / "a.xlsx")
    assert f"Refund | this form ({FORM}?a=1&b=2)" in text_of(tmp_path / "a.xlsx")


def test_links_of_notes_are_those_of_their_own_part(tmp_path):
    notes = f'<w:footnote w:id="2"><w:p><w:hyperlink r:id="r1">{run("a form")}</w:hyperlink></w:p></w:footnote>'
    paragraph = run("See") + '<w:r><w:footnoteReference w:id="2"/></w:r>'
    relation = '<Relationship Id="r1" Type="x" Target="https://wrong.example/" TargetMode="External"/>'
    path = office.docx(tmp_path, [paragraph], relation, footnotes=notes)
    own = f'<Relationships><Relationship Id="r1" Type="x" Target="{FORM}" TargetMode="External"/></Relationships>'
    import zipfile

    with zipfile.ZipFile(path, "a") as package:
        package.writestr("word/_rels/footnotes.xml.rels", own)
    assert text_of(path) == f"See[^1]\n\n[^1]: a form ({FORM})"


def test_headings_stay_without_addresses(tmp_path):
    path = office.html(tmp_path, f'<h2><a href="{FORM}">Forms</a></h2><p>Words.</p>')
    assert (("Forms",), "heading") in headings(path)


def test_fault_links():
    text = text_of(FAULTS / "links" / "forms.html") + text_of(FAULTS / "links" / "leave.docx")
    for part in (
        "https://leave.example.org/form/A17", "https://forms.example.org/refund-R7", "desk@example.org", "+4533112233"
    ):  # fmt: skip
        assert part in text


# --- headers, footers, diagrams, embedded parts ----------------------------------------------------------------------


def relation(key, kind, target):
    return f'<Relationship Id="{key}" Type="{OFFICE}/officeDocument/2006/relationships/{kind}" Target="{target}"/>'


def test_headers_and_footers_of_word(tmp_path):
    relations = (
        relation("r1", "header", "header1.xml") + relation("r2", "footer", "footer1.xml")
        + relation("r3", "header", "header2.xml")
    )  # fmt: skip
    parts = {
        "header1": f"<w:p>{run('Procedure QP-7 Rev F')}</w:p>",
        "header2": f"<w:p>{run('Procedure QP-7 Rev F')}</w:p>",
        "footer1": f"<w:p>{run('Page 3 of 7')}</w:p>",
    }
    text = text_of(office.docx(tmp_path, [run("Check it.")], relations, **parts))
    assert text == "[header: Procedure QP-7 Rev F]\n\nCheck it."


def test_headers_and_footers_of_odt(tmp_path):
    master = (
        '<office:master-styles><style:master-page style:name="A"><style:header><text:p>Procedure QP-7</text:p>'
        "</style:header><style:footer><text:p>Owner: Lab North</text:p></style:footer></style:master-page>"
        "</office:master-styles>"
    )
    text = text_of(office.odt(tmp_path, "<text:p>Check it.</text:p>", master=master))
    assert text == "[header: Procedure QP-7]\n\n[footer: Owner: Lab North]\n\nCheck it."


def test_lines_that_only_count_pages_say_nothing():
    assert [running_text([line]) for line in ("Page 3 of 7", "- 2 -", "Seite 1 von 9", "")] == [""] * 4
    assert running_text(["Page 3 of the manual"]) == "Page 3 of the manual"


DIAGRAM = (
    "<dgm:ptLst><dgm:pt><dgm:t><a:p><a:r><a:t>Receive</a:t></a:r></a:p></dgm:t></dgm:pt>"
    "<dgm:pt><dgm:t><a:p><a:r><a:t>Check</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:ptLst>"
)


def test_diagrams_and_embedded_parts_of_word(tmp_path):
    drawing = '<w:r><w:drawing><dgm:relIds r:dm="r1"/></w:drawing></w:r>'
    relations = relation("r1", "diagramData", "diagrams/data1.xml") + relation("r2", "package", "embeddings/a.xlsx")
    path = office.docx(tmp_path, [run("See.") + drawing], relations, **{"diagrams/data1": DIAGRAM})
    import zipfile

    with zipfile.ZipFile(path) as package:
        members = {name: package.read(name) for name in package.namelist()}
    data = members["word/diagrams/data1.xml"].replace(b"w:diagrams/data1", b"dgm:dataModel")
    document = partition_file(office.pack(path, members | {"word/diagrams/data1.xml": data}), "x")
    assert document.text == "See.\n\n[diagram: Receive; Check]"
    assert document.warnings == ("the embedded file 'word/embeddings/a.xlsx' was not read",)
    path = office.docx(tmp_path, [run("See.") + drawing])
    assert partition_file(path, "x").warnings == ("the data of a diagram is missing in the file",)


def test_faults_docx_header_footer_and_smartart():
    text = text_of(FAULTS / "docx_header_footer" / "torque.docx")
    assert "Procedure QP-4471 Revision F" in text and "Owner: Calibration Laboratory North" in text
    assert "Porter hands the parcel to the archive clerk" in text_of(FAULTS / "smartart" / "chain.docx")


# --- slides, variants, mail ------------------------------------------------------------------------------------------


def test_untitled_slides_have_headings_of_their_own(tmp_path):
    found = partition_file(FAULTS / "pptx_untitled_slide" / "budget.pptx", "x")
    block = next(b for b in found.blocks if "5582" in found.text[b.span.start : b.span.end])
    assert block.headings == ("Slide 2",) and found.title == "Budget"
    deck = office.deck(tmp_path, [drun("One.")], [drun("Two.")])
    assert not any(block.headings for block in partition_file(deck, "x").blocks)


def test_shapes_that_are_wrapped_for_older_versions_are_read(tmp_path):
    from pptx import Presentation

    path = office.deck(tmp_path, [drun("The code is 5582.")])
    deck = Presentation(str(path))
    shape = deck.slides[0].shapes[0]._element
    parent = shape.getparent()
    name = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
    wrapper = parent.makeelement(f"{name}AlternateContent", None, None)
    choice = wrapper.makeelement(f"{name}Choice", {"Requires": "a14"}, None)
    parent.replace(shape, wrapper)
    wrapper.append(choice)
    choice.append(shape)
    deck.save(path)
    assert "The code is 5582." in text_of(path)


@pytest.mark.parametrize("suffix", [".potx", ".ppsx", ".pptm"])
def test_variants_of_decks(tmp_path, suffix):
    import zipfile

    types = {
        ".potx": "application/vnd.openxmlformats-officedocument.presentationml.template.main+xml",
        ".ppsx": "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
        ".pptm": "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml",
    }
    with zipfile.ZipFile(office.deck(tmp_path, [drun("Ten past two.")])) as package:
        members = {name: package.read(name) for name in package.namelist()}
    plain = b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
    content = members["[Content_Types].xml"].replace(plain, types[suffix].encode())
    path = office.pack(tmp_path / f"b{suffix}", members | {"[Content_Types].xml": content})
    assert "Ten past two." in text_of(path)


@pytest.mark.parametrize("suffix", [".docm", ".dotm", ".dotx"])
def test_variants_of_word_documents(tmp_path, suffix):
    assert text_of(office.docx(tmp_path, [run("About dredging.")], name=f"a{suffix}")) == "About dredging."


def test_fault_macro_files():
    assert text_of(FAULTS / "macro_files" / "macro.xlsm") == "Sheet\n\na | b\n1 | 2"
    assert "dredging" in text_of(FAULTS / "macro_files" / "tmpl.dotx")


def mail(folder, plain, html):
    path = folder / "a.eml"
    path.write_bytes(
        b"From: a@example.org\nSubject: S\nDate: Tue, 5 Mar 2024 10:00:00 +0100\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/alternative; boundary="B"\n\n--B\nContent-Type: text/plain; charset=utf-8\n\n'
        + plain.encode()
        + b"\n--B\nContent-Type: text/html; charset=utf-8\n\n"
        + html.encode()
        + b"\n--B--\n"
    )
    return path


def test_a_plain_body_that_is_a_stub_loses_to_the_html_one(tmp_path):
    html = "<p>Lift 3 is out of service from 11 to 15 March. Use the goods lift in the east wing.</p>"
    assert "goods lift" in text_of(mail(tmp_path, "View this mail in your browser: https://a.example/v/1", html))
    assert "goods lift" in text_of(mail(tmp_path, "Lift 3.", html))
    plain = "Lift 3 is out of service from 11 to 15 March.\nUse the goods lift in the east wing.\n\n> plain, quoted"
    assert "> plain, quoted" in text_of(mail(tmp_path, plain, html))


def test_dates_of_mails_are_iso(tmp_path):
    document = partition_file(FAULTS / "eml_stub_alternative" / "newsletter.eml", "x")
    assert document.metadata["date"] == "2024-03-05T10:00:00+01:00" and document.metadata["format"] == "eml"
    assert "Lift 3 is out of service from 11 to 15 March" in document.text
    path = mail(tmp_path, "a", "<p>a</p>")
    path.write_bytes(path.read_bytes().replace(b"Tue, 5 Mar 2024 10:00:00 +0100", b"some day in March"))
    assert partition_file(path, "x").metadata["date"] == "some day in March"
