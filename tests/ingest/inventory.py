# ruff: noqa: E501
"""One file of each format that holds every part that can hold text; `mark(part)` is the word that stands in it."""

import datetime
import email.message
import json
import plistlib
import zipfile

from tests.ingest.formats.ole import message
from tests.ingest.office import DOCX_SPACES, OFFICE, docx, epub, odt, pack, run

KIND = f"{OFFICE}/officeDocument/2006/relationships"


def markdown(folder, mark):
    path = folder / "a.md"
    (folder / "part.md").write_text(mark("files that it includes"))
    path.write_text(
        f"""---
title: Title
note: {mark("front matter")}
---

# {mark("headings")} {{#{mark("attribute lists")}}}

{mark("paragraphs")} [link](https://example.org/{mark("addresses of links")} "{mark("titles of links")}")
![{mark("texts of pictures")}](a.png) and <span title="x">{mark("inline HTML")}</span> {{ref}}`{mark("roles")}`.[^1]

- {mark("list items")}

> {mark("quotes")}

| A | B |
|---|---|
| {mark("tables")} | 1 |

```python
{mark("code")}
```

<details><summary>x</summary>{mark("HTML blocks")}</details>

<!-- {mark("comments")} -->

:::note
{mark("directives")}
:::

--8<-- "part.md"

[^1]: {mark("footnotes")}
"""
    )
    return path


def text(folder, mark):
    (folder / "a.txt").write_text(f"{mark('paragraphs')}\n\na | {mark('drawn tables')}\n")
    return folder / "a.txt"


def rst(folder, mark):
    path = folder / "a.rst"
    (folder / "part.inc").write_text(mark("files that it includes"))
    path.write_text(
        f""":tocdepth: {mark("fields that steer the builder")}

{mark("headings")}
======================

{mark("paragraphs")} :ref:`{mark("roles")}` |sub| [1]_ `x <https://example.org/{mark("addresses of links")}>`_

- {mark("list items")}

term
   {mark("definitions")}

+---+----------------------------+
| a | {mark("drawn tables").ljust(26)} |
+---+----------------------------+

.. list-table:: {mark("titles of tables")}

   * - a
     - {mark("list tables")}

.. note:: {mark("directives")}

.. include:: part.inc

.. code-block:: python

   {mark("code")}

.. image:: a.png
   :alt: {mark("texts of pictures")}

.. {mark("comments")}

.. |sub| replace:: {mark("substitutions")}

.. [1] {mark("footnotes")}
"""
    )
    return path


def html(folder, mark):
    path = folder / "a.html"
    path.write_text(
        f"""<!doctype html><html><head><title>{mark("title")}</title>
<meta name="description" content="{mark("descriptions of the page")}"><style>/* {mark("styles")} */</style>
<script>var x = "{mark("scripts")}";</script><script type="application/ld+json">{{"a": "{mark("linked data")}"}}</script></head><body>
<nav><a href="/">{mark("navigation")}</a></nav><header><a href="/">{mark("banners and footers")}</a></header>
<main><h2>{mark("headings")}</h2><p>{mark("paragraphs")} <a href="https://example.org/{mark("addresses of links")}">x</a>
<s>{mark("struck text")}</s> 10<sup>6</sup><sub>{mark("raised and lowered text")}</sub> <abbr title="{mark("tooltips")}">x</abbr> <math><mi>{mark("formulas")}</mi></math>
<ruby>x<rt>{mark("ruby")}</rt></ruby></p>
<ul><li>{mark("list items")}</li></ul><dl><dt>x</dt><dd>{mark("definitions")}</dd></dl>
<table><caption>{mark("captions")}</caption><tr><th>a</th><th>b</th></tr><tr><td>{mark("tables")}</td><td>1</td></tr></table>
<pre>{mark("code")}</pre><img alt="{mark("texts of pictures")}" src="a.png"><figure><figcaption>{mark("texts below pictures")}</figcaption></figure>
<details><summary>Question</summary><p>{mark("collapsed answers")} is what it is.</p></details>
<div role="tablist"><a role="tab" href="#t1">{mark("names of tabs")}</a></div><div role="tabpanel" id="t1" hidden><p>{mark("tabs")} is what it is.</p></div>
<div hidden>A draft with {mark("hidden text")} that nothing on the page opens.</div>
<form><label>{mark("labels of forms")}</label><input placeholder="x" value="{mark("values of forms")}"><textarea>{mark("text fields")}</textarea><select><option>{mark("choices of forms")}</option></select></form>
<svg><text>{mark("text in drawings")}</text></svg><iframe srcdoc="{mark("frames")}"></iframe><noscript><p>Words for all are {mark("texts without scripts")} here.</p></noscript>
<template><p>Words of a template {mark("templates")} for scripts to use.</p></template>
<!-- {mark("comments")} --></main><aside>Words beside the page that say {mark("asides")} in a sentence.</aside>
<p><a href="a.html">Previous: {mark("links to the pages beside")}</a> <a href="c.html">Next: C</a></p>
<footer>Imprint</footer></body></html>"""
    )
    return path


def pdf(folder, mark):
    import pypdfium2 as pdfium
    from reportlab.pdfbase.pdfdoc import PDFString
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(folder / "plain.pdf"), pagesize=(600, 800))
    canvas.setTitle("T")
    canvas.setSubject(mark("subject and keywords"))
    for number in range(4):
        canvas.setFont("Helvetica", 8)
        canvas.drawString(60, 780, mark("running headers"))
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(60, 720, mark("headings") if not number else f"Part {'abcd'[number]}")
        canvas.setFont("Helvetica", 10)
        canvas.drawString(60, 680, f"{mark('paragraphs')} stands here as a sentence of the page, number {number}.")
        canvas.bookmarkPage(str(number))
        if not number:
            canvas.addOutlineEntry(mark("bookmarks"), "0")
            for row in range(5):
                for column, cell in enumerate((f"Row {row}", mark("tables"), str(row * 7))):
                    canvas.drawString(60 + 180 * column, 600 - 14 * row, cell)
            canvas.acroForm.textfield(
                name=mark("names of form fields"), value=mark("form fields"), x=150, y=395, width=300, height=16
            )
            canvas.freeTextAnnotation(mark("text boxes"), "/Helv 10 Tf", Rect=(60, 300, 300, 320))
            canvas.textAnnotation(mark("comments"), Rect=(400, 300, 420, 320), T=PDFString("Ann"))
            canvas.linkURL(f"https://example.org/{mark('addresses of links')}", (60, 670, 100, 690))
            canvas.saveState()
            canvas.drawString(60, 250, mark("raised text"))
            canvas.restoreState()
        canvas.showPage()
    canvas.save()
    with pdfium.PdfDocument(folder / "plain.pdf") as file:
        file.new_attachment(f"{mark('attached files')}.xlsx").set_data(b"x")
        file.save(folder / "a.pdf")
    return folder / "a.pdf"


def word(folder, mark):
    def up(words):
        return run(words, '<w:vertAlign w:val="superscript"/>')

    def relation(key, kind, target, more=""):
        return f'<Relationship Id="{key}" Type="{KIND}/{kind}" Target="{target}" {more}/>'

    box = f"<w:r><w:pict><w:txbxContent><w:p>{run(mark('text boxes'))}</w:p></w:txbxContent></w:pict></w:r>"
    picture = f'<w:r><w:drawing><wp:inline xmlns:wp="{OFFICE}/drawingml/2006/wordprocessingDrawing"><wp:docPr id="1" name="x" descr="{mark("texts of pictures")}"/></wp:inline></w:drawing></w:r>'
    cell = "<w:tc><w:p>{}</w:p></w:tc>"
    table = f"<w:tbl><w:tr>{cell.format(run('a'))}{cell.format(run('b'))}</w:tr><w:tr>{cell.format(run(mark('tables')))}{cell.format(run('1'))}</w:tr></w:tbl>"
    paragraphs = [
        f'<w:pPr><w:pStyle w:val="H"/></w:pPr>{run(mark("headings"))}',
        run(mark("paragraphs")) + up(mark("raised and lowered text")) + run(mark("struck text"), "<w:strike/>"),
        f'<w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr>{run(mark("list items"))}',
        f'<w:ins w:id="1">{run(mark("tracked insertions"))}</w:ins><w:del w:id="2"><w:r><w:delText>{mark("tracked deletions")}</w:delText></w:r></w:del>',
        run("Note")
        + '<w:r><w:footnoteReference w:id="2"/></w:r><w:r><w:endnoteReference w:id="2"/></w:r><w:r><w:commentReference w:id="0"/></w:r>',
        box + picture,
        f'<w:hyperlink r:id="l">{run("x")}</w:hyperlink><w:r><w:drawing><dgm:relIds r:dm="d"/></w:drawing></w:r>',
        f"<m:oMath><m:r><m:t>{mark('formulas')}</m:t></m:r></m:oMath>",
        f'<w:sdt><w:sdtPr><w:alias w:val="{mark("names of content controls")}"/></w:sdtPr><w:sdtContent>{run(mark("content controls"))}</w:sdtContent></w:sdt>',
        f'<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DOCPROPERTY {mark("codes of fields")}</w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>{run(mark("results of fields"))}<w:r><w:fldChar w:fldCharType="end"/></w:r>',
        f"{run(mark('hidden text'), '<w:vanish/>')}<w:r><w:ruby><w:rt>{run(mark('ruby'))}</w:rt><w:rubyBase>{run('x')}</w:rubyBase></w:ruby></w:r>",
    ]
    relations = "".join((
        relation("l", "hyperlink", f"https://example.org/{mark('addresses of links')}", 'TargetMode="External"'),
        relation("d", "diagramData", "diagrams/data1.xml"), relation("h", "header", "header1.xml"), relation("f", "footer", "footer1.xml"),
        relation("c", "chart", f"charts/{mark('charts')}.xml"), relation("o", "oleObject", f"embeddings/{mark('embedded objects')}.bin"),
        relation("a", "aFChunk", f"{mark('embedded documents')}.html"),
    ))  # fmt: skip

    def story(kind, tag, words, more=""):
        return f'<w:{tag} w:id="{2 if kind != "comments" else 0}" {more}><w:p>{run(words)}</w:p></w:{tag}>'

    level = '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="lowerRoman"/><w:lvlText w:val="(%1)"/></w:lvl>'
    path = docx(
        folder, paragraphs, relations,
        styles='<w:style w:type="paragraph" w:styleId="H"><w:name w:val="heading 1"/></w:style>',
        numbering=f'<w:abstractNum w:abstractNumId="0">{level}</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>',
        footnotes=story("footnotes", "footnote", mark("footnotes and endnotes")),
        endnotes=story("endnotes", "endnote", mark("footnotes and endnotes")),
        comments=story("comments", "comment", mark("comments"), 'w:author="Ann"'),
        glossary=f"<w:p>{run(mark('building blocks'))}</w:p>",
    )  # fmt: skip
    with zipfile.ZipFile(path) as package:
        members = {name: package.read(name).decode() for name in package.namelist()}
    body = "word/document.xml"
    members[body] = members[body].replace("</w:body>", f"{table}</w:body>")
    for name, words in (("header1", "headers and footers"), ("footer1", "headers and footers")):
        members[f"word/{name}.xml"] = f"<w:hdr {DOCX_SPACES}><w:p>{run(mark(words))}</w:p></w:hdr>"
    members["word/diagrams/data1.xml"] = (
        f"<dgm:dataModel {DOCX_SPACES}><dgm:pt><dgm:t><a:p><a:r><a:t>{mark('diagrams')}</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:dataModel>"
    )
    members["docProps/core.xml"] = (
        f'<cp:coreProperties xmlns:cp="x" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>T</dc:title><dc:subject>{mark("properties other than the title")}</dc:subject></cp:coreProperties>'
    )
    members["word/vbaProject.bin"] = mark("macros")
    return pack(path, members)


def opendocument(folder, mark):
    def p(words):
        return f"<text:p>{words}</text:p>"

    def cells(*words):
        return "".join(f"<table:table-cell>{p(each)}</table:table-cell>" for each in words)

    note = f'<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body>{p(mark("footnotes and endnotes"))}</text:note-body></text:note>'
    body = "".join((
        f"<text:tracked-changes><text:changed-region><text:deletion>{p(mark('tracked deletions'))}</text:deletion></text:changed-region></text:tracked-changes>",
        f"<text:table-of-content>{p(mark('tables of contents'))}</text:table-of-content>",
        f'<office:forms>{p(mark("form controls"))}</office:forms>',
        f'<text:h text:outline-level="1">{mark("headings")}</text:h>',
        p(f'{mark("paragraphs")}<text:span text:style-name="S">{mark("struck text")}</text:span>{note}<office:annotation>{p(mark("comments"))}</office:annotation>'),
        f"<text:list><text:list-item>{p(mark('list items'))}</text:list-item></text:list>",
        f"<table:table><table:table-row>{cells('a', 'b')}</table:table-row><table:table-row>{cells(mark('tables'), '1')}</table:table-row></table:table>",
        p(f'<draw:frame><draw:text-box>{p(mark("text boxes"))}</draw:text-box></draw:frame><draw:frame><svg:desc xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0">{mark("texts of pictures")}</svg:desc></draw:frame>'),
        p(f'<text:a xlink:href="https://example.org/{mark("addresses of links")}">x</text:a>'),
        p(f"<text:ruby><text:ruby-base>x</text:ruby-base><text:ruby-text>{mark('ruby')}</text:ruby-text></text:ruby>"),
        p(f'<draw:object><math><mi>{mark("formulas")}</mi></math></draw:object><draw:object xlink:href="./{mark("embedded objects")}"/>'),
        p(f"<text:user-field-get>{mark('fields')}</text:user-field-get>"),
        f"<text:section>{p(mark('sections'))}</text:section>",
    ))  # fmt: skip
    styles = '<style:style style:name="S" style:family="text"><style:text-properties style:text-line-through-style="solid"/></style:style>'
    master = f"<office:master-styles><style:master-page><style:header>{p(mark('headers and footers'))}</style:header></style:master-page></office:master-styles>"
    meta = f'<office:document-meta xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><office:meta><dc:title>T</dc:title><dc:subject>{mark("properties other than the title")}</dc:subject></office:meta></office:document-meta>'
    return odt(folder, body, styles, master, **{"meta.xml": meta, "Basic/Standard/a.xml": f"<a>{mark('macros')}</a>"})


def ebook(folder, mark):
    page = f'<h1>{mark("headings")}</h1><p>{mark("paragraphs")} <a epub:type="noteref" href="#n">1</a> <img alt="{mark("texts of pictures")}" src="a.png"/></p><table><tr><th>a</th><th>b</th></tr><tr><td>{mark("tables")}</td><td>1</td></tr></table><aside id="n"><p>{mark("footnotes and endnotes")}</p></aside><p><ruby>x<rt>{mark("ruby")}</rt></ruby></p>'
    path = epub(folder, page)
    with zipfile.ZipFile(path) as package:
        members = {name: package.read(name).decode() for name in package.namelist()}
    items = '<item id="n" properties="nav" href="nav.xhtml" media-type="application/xhtml+xml"/><item id="x" href="x.xhtml" media-type="application/xhtml+xml"/>'
    items += f'<item id="s" href="{mark("pages that are drawings")}.svg" media-type="image/svg+xml"/><item id="m" href="{mark("chapters that are missing")}.xhtml" media-type="application/xhtml+xml"/>'
    opf = (
        members["book.opf"]
        .replace("</manifest>", f"{items}</manifest>")
        .replace("</spine>", '<itemref idref="s"/><itemref idref="m"/></spine>')
    )
    members["book.opf"] = opf.replace(
        "<manifest>",
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>T</dc:title><dc:description>{mark("descriptions of the book")}</dc:description></metadata><manifest>',
    )
    members["nav.xhtml"] = (
        f'<html xmlns="http://www.w3.org/1999/xhtml"><body><nav><a href="a.xhtml">{mark("tables of contents")}</a></nav></body></html>'
    )
    members["x.xhtml"] = (
        f'<html xmlns="http://www.w3.org/1999/xhtml"><body><p>{mark("pages outside the reading order")}</p></body></html>'
    )
    return pack(path, members)


def slides(folder, mark):
    from pptx import Presentation
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = mark("titles")
    slide.placeholders[1].text_frame.text = mark("points")
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(3), Inches(3), Inches(1)).table
    for at, words in enumerate(("a", "b", mark("tables"), "1")):
        table.cell(at // 2, at % 2).text = words
    slide.shapes.add_textbox(Inches(1), Inches(5), Inches(3), Inches(1)).text_frame.text = mark("text boxes")
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(Inches(5), Inches(5), Inches(3), Inches(1)).text_frame.text = mark("groups")
    data = CategoryChartData()
    data.categories = [mark("charts")]
    data.add_series("x", (1,))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(5), Inches(3), Inches(1), data)
    link = slide.shapes.add_textbox(Inches(1), Inches(6), Inches(3), Inches(1)).text_frame.paragraphs[0].add_run()
    link.text, link.hyperlink.address = "x", f"https://example.org/{mark('addresses of links')}"
    struck = slide.shapes.add_textbox(Inches(1), Inches(7), Inches(3), Inches(1)).text_frame.paragraphs[0].add_run()
    struck.text = mark("struck text")
    struck._r.get_or_add_rPr().set("strike", "sngStrike")
    slide.notes_slide.notes_text_frame.text = mark("notes of the speaker")
    hidden = deck.slides.add_slide(deck.slide_layouts[5])
    hidden.shapes.title.text = mark("hidden slides")
    hidden._element.set("show", "0")
    deck.slide_layouts[1].placeholders[0].text_frame.text = mark("layouts and masters")
    deck.core_properties.subject = mark("properties other than the title")
    deck.save(folder / "plain.pptx")
    with zipfile.ZipFile(folder / "plain.pptx") as package:
        members = {name: package.read(name) for name in package.namelist()}
    rels = "ppt/slides/_rels/slide1.xml.rels"
    more = "".join(
        f'<Relationship Id="{key}" Type="{KIND}/{kind}" Target="{target}"/>'
        for key, kind, target in (
            ("rC", "comments", "../comments/comment1.xml"),
            ("rD", "diagramData", "../diagrams/data1.xml"),
        )
    )
    members[rels] = members[rels].replace(b"</Relationships>", f"{more}</Relationships>".encode())
    p = f'xmlns:p="{OFFICE}/presentationml/2006/main"'
    members["ppt/comments/comment1.xml"] = (
        f'<p:cmLst {p}><p:cm authorId="0" idx="1"><p:text>{mark("comments")}</p:text></p:cm></p:cmLst>'
    )
    members["ppt/diagrams/data1.xml"] = (
        f"<dgm:dataModel {DOCX_SPACES}><dgm:pt><dgm:t><a:p><a:r><a:t>{mark('diagrams')}</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:dataModel>"
    )
    types = "".join(
        f'<Override PartName="{name}" ContentType="{kind}"/>'
        for name, kind in (
            ("/ppt/comments/comment1.xml", "application/vnd.openxmlformats-officedocument.presentationml.comments+xml"),
            ("/ppt/diagrams/data1.xml", "application/vnd.openxmlformats-officedocument.drawingml.diagramData+xml"),
        )
    )
    members["[Content_Types].xml"] = members["[Content_Types].xml"].replace(b"</Types>", f"{types}</Types>".encode())

    def frame(number, uri, inner, name="x"):
        return f'<p:graphicFrame xmlns:r="{KIND}"><p:nvGraphicFramePr><p:cNvPr id="{number}" name="{name}"/><p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr><p:xfrm><a:off x="0" y="0"/><a:ext cx="1" cy="1"/></p:xfrm><a:graphic><a:graphicData uri="{uri}">{inner}</a:graphicData></a:graphic></p:graphicFrame>'

    diagram = frame(
        90, f"{OFFICE}/drawingml/2006/diagram", f'<dgm:relIds xmlns:dgm="{OFFICE}/drawingml/2006/diagram" r:dm="rD"/>'
    )
    embedded = frame(
        91, f"{OFFICE}/presentationml/2006/ole", f'<p:oleObj name="{mark("embedded objects")}" progId="x"/>'
    )
    footer = f'<p:sp><p:nvSpPr><p:cNvPr id="92" name="f"/><p:cNvSpPr/><p:nvPr><p:ph type="ftr" idx="11"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p><a:r><a:t>{mark("footers")}</a:t></a:r></a:p></p:txBody></p:sp>'
    name = "ppt/slides/slide1.xml"
    members[name] = members[name].replace(b"</p:spTree>", f"{diagram}{embedded}{footer}</p:spTree>".encode())
    return pack(folder / "a.pptx", members)


def workbook(folder, mark):
    import openpyxl
    from openpyxl.chart import BarChart, Reference
    from openpyxl.comments import Comment
    from openpyxl.worksheet.datavalidation import DataValidation

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = mark("names of sheets")[:31]
    for row in (["a", "b"], [mark("cells"), 1], [f'="{mark("texts of formulas")}"&A9', 2], ["x", 3]):
        sheet.append(row)
    sheet["A4"].hyperlink = f"https://example.org/{mark('addresses of links')}"
    sheet["B2"].comment = Comment(mark("comments"), "Ann")
    sheet.oddHeader.left.text = mark("headers and footers")
    sheet.append([mark("hidden rows and columns"), 5])
    sheet.row_dimensions[5].hidden = True
    rule = DataValidation(
        type="list", formula1=f'"{mark("lists of choices")},x"', showInputMessage=True, prompt=mark("input messages")
    )
    rule.add("B3")
    sheet.add_data_validation(rule)
    chart = BarChart()
    chart.title = mark("titles of charts")
    chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3))
    sheet.add_chart(chart, "D2")
    book.create_sheet(mark("hidden sheets")[:31]).append(["x", mark("cells of hidden sheets")])
    book.worksheets[1].sheet_state = "hidden"
    book.defined_names[mark("names of ranges")] = openpyxl.workbook.defined_name.DefinedName(
        mark("names of ranges"), attr_text="A1"
    )
    book.properties.subject = mark("properties other than the title")
    book.save(folder / "plain.xlsx")
    with zipfile.ZipFile(folder / "plain.xlsx") as package:
        members = {name: package.read(name) for name in package.namelist()}
    a = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    box = f'<xdr:twoCellAnchor xmlns:xdr="{OFFICE}/drawingml/2006/spreadsheetDrawing" {a}><xdr:sp><xdr:nvSpPr><xdr:cNvPr id="9" name="x" descr="{mark("texts of pictures")}"/></xdr:nvSpPr><xdr:txBody><a:p><a:r><a:t>{mark("text boxes")}</a:t></a:r></a:p></xdr:txBody></xdr:sp></xdr:twoCellAnchor>'
    name = "xl/drawings/drawing1.xml"
    end = members[name].rindex(b"</")
    members[name] = members[name][:end] + box.encode() + members[name][end:]
    rels = "xl/worksheets/_rels/sheet1.xml.rels"
    members[rels] = members[rels].replace(
        b"</Relationships>",
        f'<Relationship Id="rO" Type="{KIND}/oleObject" Target="../embeddings/{mark("embedded objects")}.bin"/></Relationships>'.encode(),
    )
    return pack(folder / "a.xlsx", members)


def delimited(folder, mark):
    (folder / "a.csv").write_text(
        f'{mark("lines above the table")}\n\n{mark("heads")},b,c\n{mark("cells")},"two\n{mark("cells of several lines")}",3\n'
    )
    return folder / "a.csv"


def json_tree(folder, mark):
    value = {
        mark("names"): mark("values"),
        "inner": {"a": {"deep": mark("nested values")}},
        "list": [mark("lists"), 2],
        "rows": [{"k": mark("lists of objects")}, {"k": 1}],
    }
    (folder / "a.json").write_text(json.dumps(value))
    return folder / "a.json"


def mail(folder, mark):
    letter = email.message.EmailMessage()
    letter["From"], letter["To"], letter["Cc"] = (
        f"{mark('senders and receivers')} <a@example.org>",
        "b@example.org",
        "c@example.org",
    )
    letter["Subject"], letter["X-Other"] = mark("subject"), mark("other headers")
    letter.set_content(f"{mark('plain body')} is the text of this message.\n\n> {mark('quoted replies')}\n")
    letter.add_alternative(
        f"<p>plain body is the text of this message. {mark('HTML body beside a plain one')}</p>", subtype="html"
    )
    letter.add_attachment(b"x", maintype="application", subtype="pdf", filename=f"{mark('attached files')}.pdf")
    inner = email.message.EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content(mark("attached messages"))
    letter.add_attachment(inner)
    (folder / "a.eml").write_bytes(letter.as_bytes())
    return folder / "a.eml"


def outlook(folder, mark):
    people = (mark("senders and receivers"), "ann@yard.example"), ("Ben Ode", "ben@yard.example")
    sent = datetime.datetime(2026, 2, 3, 9, 30)
    attached = f"{mark('attached files')}.dwg", b"x"
    (folder / "a.msg").write_bytes(message(mark("subject"), *people, sent, mark("plain body"), attached))
    return folder / "a.msg"


def saved_page(folder, mark):
    page = f"<html><body><h1>{mark('page')}</h1><p>Words.</p></body></html>"
    frame = f"<html><body><p>{mark('frames and further pages')}</p></body></html>"
    parts = "".join(f"--xx\nContent-Type: text/html\n\n{each}\n" for each in (page, frame))
    picture = f"--xx\nContent-Type: image/svg+xml\nContent-Location: a.svg\n\n<svg><text>{mark('pictures and styles')}</text></svg>\n"
    (folder / "a.mht").write_text(
        f'MIME-Version: 1.0\nSubject: {mark("headers")}\nContent-Type: multipart/related; boundary="xx"\n\n{parts}{picture}--xx--\n'
    )
    return folder / "a.mht"


def web_archive(folder, mark):
    page = f"<html><body><p>{mark('page')}</p></body></html>".encode()
    rest = {"WebResourceData": f"<p>{mark('further resources')}</p>".encode(), "WebResourceURL": "x"}
    (folder / "a.webarchive").write_bytes(
        plistlib.dumps({"WebMainResource": {"WebResourceData": page}, "WebSubresources": [rest]})
    )
    return folder / "a.webarchive"


def rich_text(folder, mark):
    (folder / "a.rtf").write_text(
        rf"""{{\rtf1\ansi{{\fonttbl{{\f0 {mark("names of fonts and styles")};}}}}{{\info{{\title {mark("title")}}}{{\author {mark("properties other than the title")}}}}}
{{\header {mark("headers and footers")}\par}}\pard\outlinelevel1 {mark("headings")}\par\pard {mark("paragraphs")}{{\footnote {mark("footnotes and endnotes")}}}{{\strike {mark("struck text")}}}
{{\*\annotation {mark("comments")}}}\par{{\listtext 1.}}{mark("list items")}\par\pard {{\field{{\*\fldinst HYPERLINK "https://example.org/{mark("addresses of links")}"}}{{\fldrslt x}}}}{{\v {mark("hidden text")}}}\par
\trowd\cellx1\cellx2\intbl a\cell b\cell\row\intbl {mark("tables")}\cell 1\cell\row\pard{{\shp{{\*\shpinst{{\shptxt {mark("text boxes")}\par}}}}}}
{{\object{{\*\objdata 00}}{{\result {mark("texts in the place of objects")}}}}}{{\*\unheardof {mark("extensions")}}}\par}}"""
    )
    return folder / "a.rtf"


def xml_prose(folder, mark):
    (folder / "a.xml").write_text(
        f"""<?xml version="1.0"?><!-- {mark("comments")} --><book><title>{mark("titles")}</title><info><author>{mark("fields")}</author></info>
<chapter role="{mark("attributes in prose")}"><title>x</title><para>{mark("paragraphs")} <link url="https://example.org/{mark("addresses of links")}">x</link></para>
<itemizedlist><listitem><para>{mark("list items")}</para></listitem></itemizedlist><screen>{mark("code")}</screen>
<table><tgroup><row><entry>a</entry><entry>{mark("tables")}</entry></row></tgroup></table></chapter></book>"""
    )
    return folder / "a.xml"


def xml_data(folder, mark):
    (folder / "a.xml").write_text(
        f'<stock><item key="{mark("attributes in data")}"><name>{mark("elements")}</name></item><item key="b"><name>x</name></item></stock>'
    )
    return folder / "a.xml"


def notebook(folder, mark):
    cells = [
        {"cell_type": "markdown", "source": mark("text cells")},
        {"cell_type": "code", "source": mark("code cells"), "outputs": [
            {"output_type": "stream", "text": mark("printed outputs")},
            {"output_type": "display_data", "data": {"image/png": mark("pictures")}},
            {"output_type": "error", "ename": "E", "evalue": mark("errors"), "traceback": [mark("tracebacks")]},
        ]},
        {"cell_type": "raw", "source": mark("raw cells")},
    ]  # fmt: skip
    (folder / "a.ipynb").write_text(
        json.dumps({"cells": cells, "metadata": {"kernelspec": {"name": mark("metadata of the notebook")}}})
    )
    return folder / "a.ipynb"


FORMATS = {
    "Markdown": markdown, "Plain text": text, "reStructuredText": rst, "HTML": html, "PDF": pdf, "Word": word,
    "OpenDocument text": opendocument, "EPUB": ebook, "PowerPoint": slides, "Excel": workbook, "CSV and TSV": delimited,
    "JSON": json_tree, "Mail": mail, "Outlook": outlook, "Saved pages": saved_page, "Web archives of Safari": web_archive,
    "Rich text": rich_text, "XML documents": xml_prose, "XML data": xml_data, "Notebooks": notebook,
}  # fmt: skip
