# ruff: noqa: E501
"""The fixtures of all formats, and what they should become.

    python tests/ingest/formats/build.py             renew every NAME.golden.txt; read the difference before you commit it
    python tests/ingest/formats/build.py --fixtures  write the binary fixtures anew first

Text fixtures (md rst txt html csv tsv json eml …) are written by hand and are never touched.
"""

import datetime
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parents[2]):
    sys.path.insert(0, str(folder))  # so that it runs from a checkout without installation

GOLDEN = ".golden.txt"


def fixtures() -> list[Path]:
    """Return the fixture files, sorted by name."""
    ours = {".py", ".pyc"}
    return sorted(p for p in HERE.iterdir() if p.is_file() and p.suffix not in ours and not p.name.endswith(GOLDEN))


def golden(document) -> str:
    """Return what a person reads to judge a document: its fields, then every block under a line that describes it."""
    lines = [f"title: {document.title}", f"media type: {document.media_type}"]
    fields = sorted(document.metadata.items())
    lines += [f"{key}: {value if isinstance(value, str) else ', '.join(value)}" for key, value in fields]
    lines += [f"warning: {warning}" for warning in document.warnings]
    for block in document.blocks:
        level = f" {block.level}" if block.level else ""
        page = f" page {block.page}" if block.page else ""
        span = f" [{block.span.start}, {block.span.end})"
        lines += ["", f"---- {block.kind}{level}{page}{span} {' > '.join(block.headings)}".rstrip()]
        lines.append(document.text[block.span.start : block.span.end])
    return "\n".join(lines) + "\n"


def pack(path: Path, members: dict[str, str | bytes]) -> None:
    """Write a zip package; a mimetype comes first and is stored, as epub and odt want it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            package.writestr(info, data)


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def docx(path: Path) -> None:
    def p(text, style="", extra="", raw=False):
        properties = f'<w:pPr>{f"""<w:pStyle w:val="{style}"/>""" if style else ""}{extra}</w:pPr>'
        return f"<w:p>{properties}{text if raw else run(text)}</w:p>"

    def run(text):
        return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'

    def item(text, number, depth):
        return p(text, "", f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>')

    def cell(text, properties=""):
        return f"<w:tc><w:tcPr>{properties}</w:tcPr>{p(text)}</w:tc>"

    change = 'w:id="9" w:author="Ann" w:date="2026-01-01T00:00:00Z"'
    tracked = (
        run("The fee is ")
        + f"<w:del {change}><w:r><w:delText>40 EUR</w:delText></w:r></w:del>"
        + f"<w:ins {change}>{run('55 EUR')}</w:ins>"
        + run(" a month")
        + '<w:r><w:footnoteReference w:id="2"/></w:r>'
        + run(".")
        + '<w:r><w:commentReference w:id="0"/></w:r>'
    )
    control = f"<w:sdt><w:sdtPr><w:alias w:val='x'/></w:sdtPr><w:sdtContent>{p('Kept in a content control.')}</w:sdtContent></w:sdt>"
    box = f"<w:r><w:pict><w:txbxContent>{p('Words in a text box.')}</w:txbxContent></w:pict></w:r>"
    picture = (
        '<w:r><w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing">'
        '<wp:docPr id="1" name="Picture 1" descr="A pump with its valve"/></wp:inline></w:drawing></w:r>'
    )
    table = (
        "<w:tbl>"
        + "".join(
            f"<w:tr>{row}</w:tr>"
            for row in (
                cell("Pump") + cell("Flow", '<w:gridSpan w:val="2"/>'),
                cell("Model") + cell("Low") + cell("High"),
                cell("P-10", '<w:vMerge w:val="restart"/>') + cell("3 l/s") + cell("9 l/s"),
                cell("", "<w:vMerge/>") + cell("4 l/s") + cell("11 l/s"),
            )
        )
        + "</w:tbl>"
    )
    body = [
        p("Pump handbook", "Title"),
        p("Installation", "Heading1"),
        p("Before you start:"),
        item("Close the valve", 1, 0),
        item("Wait until the needle rests", 1, 1),
        item("Drain the pipe", 1, 0),
        item("Gloves", 2, 0),
        item("Thin ones", 2, 1),
        p("Fees", "Heading2"),
        p(tracked, raw=True),
        table,
        p("if pressure &gt; 4:", "Code"),
        p("    stop()", "Code"),
        p("", "Code"),
        p("log()", "Code"),
        control,
        p(run("Beside it.") + box + picture, raw=True),
    ]
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/></w:style>'
        for key, name in (
            ("Title", "Title"), ("Heading1", "heading 1"), ("Heading2", "heading 2"), ("Code", "Source Code")
        )
    )  # fmt: skip

    def level(depth, form, text):
        return (
            f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{text}"/></w:lvl>'
        )

    numbering = (
        f'<w:abstractNum w:abstractNumId="0">{level(0, "decimal", "%1.")}{level(1, "lowerLetter", "%2)")}</w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="1">{level(0, "bullet", "o")}{level(1, "bullet", "o")}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>'
    )
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" '
        'ContentType="application/xml"/></Types>'
    )
    pack(
        path,
        {
            "[Content_Types].xml": types,
            "word/document.xml": f"<w:document {W}><w:body>{''.join(body)}</w:body></w:document>",
            "word/styles.xml": f"<w:styles {W}>{styles}</w:styles>",
            "word/numbering.xml": f"<w:numbering {W}>{numbering}</w:numbering>",
            "word/footnotes.xml": f'<w:footnotes {W}><w:footnote w:id="2">{p("Taxes come on top.")}</w:footnote></w:footnotes>',
            "word/comments.xml": f'<w:comments {W}><w:comment w:id="0" w:author="Ben">{p("Check with sales.")}</w:comment></w:comments>',
        },
    )


def pptx(path: Path) -> None:
    from pptx import Presentation
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Harvest report"
    frame = slide.placeholders[1].text_frame
    frame.text = "Apples"
    for text, level in (("Boskoop, late", 1), ("Pears", 0)):
        paragraph = frame.add_paragraph()
        paragraph.text, paragraph.level = text, level
    slide.notes_slide.notes_text_frame.text = "Mention the frost in May.\nThank the pickers."
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Tonnes by orchard"
    table = slide.shapes.add_table(3, 3, Inches(1), Inches(2), Inches(6), Inches(1)).table
    for row, cells in enumerate((("Orchard", "Tonnes", ""), ("", "2024", "2025"), ("North", "31", "44"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    table.cell(0, 1).merge(table.cell(0, 2))
    box = slide.shapes.add_textbox(Inches(1), Inches(1.2), Inches(4), Inches(0.5))
    box.text_frame.text = "Weighed at the gate"
    data = CategoryChartData()
    data.categories = ["North", "South"]
    data.add_series("Sugar", (11.5, 12))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(4), Inches(4), Inches(2), data)
    deck.save(str(path))


def xlsx(path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Prices"
    sheet["A1"] = "Price list for members"
    sheet.merge_cells("A1:D1")
    for row in (
        ["Article", "Net", "Discount", "From"],
        ["Rope", 1234.5, 0.125, datetime.datetime(2025, 3, 9)],
        [None, -7, 0.5, datetime.datetime(2025, 4, 1, 13, 5)],
        ["Anchor", 0.1 + 0.2, None, True],
    ):
        sheet.append(row)
    sheet.merge_cells("A3:A4")
    sheet["B3"].number_format, sheet["C3"].number_format, sheet["D3"].number_format = (
        '#,##0.00 "EUR"',
        "0.0%",
        "d mmm yyyy",
    )
    sheet["B4"].number_format, sheet["D4"].number_format = "0.00;(0.00)", "dd.mm.yyyy hh:mm"
    sheet["A7"], sheet["B7"] = "Total", "=SUM(B3:B5)"
    other = book.create_sheet("Ports & hours")
    for row in (["Port", "Opens"], ["Kiel", datetime.time(6, 30)], ["Lagos", datetime.time(8)]):
        other.append(row)
    book.create_sheet("Drafts").sheet_state = "hidden"
    book.save(path)


def odt(path: Path) -> None:
    names = ("office", "text", "table", "style", "drawing")
    spaces = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in names)
    spaces += ' xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    spaces += ' xmlns:xlink="http://www.w3.org/1999/xlink"'

    def cell(text, extra=""):
        return f"<table:table-cell {extra}><text:p>{text}</text:p></table:table-cell>"

    body = f"""
<text:tracked-changes><text:changed-region><text:deletion><text:p>Old words.</text:p></text:deletion></text:changed-region>
</text:tracked-changes>
<text:h text:outline-level="1">Beekeeping</text:h>
<text:p>A hive has<text:s text:c="2"/>one queen<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation>
<text:note-body><text:p>Rarely two.</text:p></text:note-body></text:note>.<office:annotation><dc:creator>Ann</dc:creator>
<text:p>Is that so?</text:p></office:annotation></text:p>
<text:h text:outline-level="2">Tools</text:h>
<text:list text:style-name="N"><text:list-item><text:p>Smoker</text:p><text:list><text:list-item><text:p>dry grass</text:p>
</text:list-item></text:list></text:list-item><text:list-item><text:p>Veil</text:p></text:list-item></text:list>
<table:table><table:table-header-rows><table:table-row>{cell("Month")}{cell("Work", 'table:number-columns-spanned="2"')}
<table:covered-table-cell/></table:table-row></table:table-header-rows>
<table:table-row>{cell("May", 'table:number-rows-spanned="2"')}{cell("Swarms")}{cell("daily")}</table:table-row>
<table:table-row><table:covered-table-cell/>{cell("Frames")}{cell("weekly")}</table:table-row></table:table>
<text:p text:style-name="Preformatted_20_Text">weigh(hive)</text:p>
<text:p text:style-name="P1">  note(kg)</text:p>
<text:p><drawing:frame><drawing:image/><svg:title>Smoker in use</svg:title></drawing:frame></text:p>"""
    styles = (
        '<style:style style:name="P1" style:parent-style-name="Preformatted_20_Text"/>'
        '<text:list-style style:name="N"><text:list-level-style-number text:level="1" style:num-format="1" '
        'style:num-suffix="."/></text:list-style>'
    )
    content = (
        f"<office:document-content {spaces}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    meta = (
        f"<office:document-meta {spaces}><office:meta><dc:title>The bee year</dc:title><dc:creator>Ida Holm</dc:creator>"
        "<dc:language>en-GB</dc:language></office:meta></office:document-meta>"
    )
    pack(path, {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content, "meta.xml": meta})


def epub(path: Path) -> None:
    page = '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{}</body></html>'
    opf = """<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>Tide tables for poets</dc:title><dc:creator>Mara Quist</dc:creator><dc:creator>Olu Bakare</dc:creator>
<dc:language>en</dc:language></metadata><manifest>
<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="a" href="text/one%20a.xhtml" media-type="application/xhtml+xml"/>
<item id="b" href="text/two.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="b"/><itemref idref="n"/><itemref idref="a"/></spine></package>"""
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    nav = (
        '<nav><ol><li><a href="text/two.xhtml">Prelude</a></li><li><a href="text/one%20a.xhtml">Ebb</a></li></ol></nav>'
    )
    two = '<p>The sea&nbsp;keeps <i>two</i> clocks.</p><p>One<sup><a href="#n1">1</a></sup> is the moon.</p><p id="n1">1. Mostly.</p>'
    one = (
        '<h1><a id="p1"/>Ebb and flow</h1><h2>Springs</h2><table><tr><th>Port</th><th>High</th></tr><tr><td>Husum</td>'
        "<td>04:12</td></tr></table><pre>low = high - 6\n  # hours</pre><ul><li>neap<ul><li>weak</li></ul></li></ul>"
        '<figure><img src="x.png" alt="The pier at low water"/><figcaption>Low water, 1911</figcaption></figure>'
    )
    pack(
        path,
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "OEBPS/book.opf": opf,
            "OEBPS/nav.xhtml": page.format(nav),
            "OEBPS/text/one a.xhtml": page.format(one),
            "OEBPS/text/two.xhtml": page.format(two),
        },
    )


def msg(path: Path) -> None:
    from ole import message

    body = "Hello Ben,\r\n\r\nthe crane comes on\r\nTuesday:\r\n- north gate\r\n  - before nine\r\n- no parking\r\n\r\n> Which gate?\r\n"
    sent = datetime.datetime(2026, 2, 3, 9, 30)
    people = ("Ann Lee", "ann@yard.example"), ("Ben Ode", "ben@yard.example")
    path.write_bytes(message("Crane on Tuesday", *people, sent, body, ("plan.dwg", b"\x00drawing")))


BINARY = {"docx": docx, "pptx": pptx, "xlsx": xlsx, "odt": odt, "epub": epub, "msg": msg}


def main() -> None:
    """Run the command."""
    from ingest.partition import partition_file

    if "--fixtures" in sys.argv:
        for suffix, write in BINARY.items():
            write(HERE / f"{suffix}.{suffix}")
    for path in fixtures():
        text = golden(partition_file(path, path.name))
        (HERE / f"{path.name}{GOLDEN}").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
