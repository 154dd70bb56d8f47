# ruff: noqa: E501
"""What stands beside the cells of a workbook: comments, headers and footers, text boxes, charts."""

import zipfile

import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment

from ingest.partition import partition_file
from tests.ingest.office import pack

SHEET_XML = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def book():
    made = openpyxl.Workbook()
    made.active.title = "Prices"
    for row in (["Article", "Price"], ["Rope", 12], ["Anchor", 40]):
        made.active.append(row)
    return made


def members(path):
    with zipfile.ZipFile(path) as package:
        return {name: package.read(name) for name in package.namelist()}


@pytest.mark.parametrize("suffix", [".xlsx", ".xlsm"])
def test_comments_of_cells(tmp_path, suffix):
    made = book()
    made.active["B2"].comment = Comment("Without tax", "Ann")
    made.active["B3"].comment = Comment("Ben:\nSold out", "Ben")
    made.save(tmp_path / f"a{suffix}")
    text = partition_file(tmp_path / f"a{suffix}", "x").text
    assert text.endswith("Anchor | 40\n\n[comment by Ann at B2: Without tax]\n\n[comment by Ben at B3: Sold out]")


def test_discussions_are_told_once(tmp_path):
    made = book()
    made.active["B2"].comment = Comment("[Threaded comment] Your version of Excel ... Comment: Is it gross?", "tc={1}")
    made.save(tmp_path / "a.xlsx")
    parts = members(tmp_path / "a.xlsx")
    rels = "xl/worksheets/_rels/sheet1.xml.rels"
    kind = "http://schemas.microsoft.com/office/2017/10/relationships/threadedComment"
    target = "../threadedComments/threadedComment1.xml"
    relation = f'<Relationship Id="rT" Type="{kind}" Target="{target}"/></Relationships>'
    parts[rels] = parts[rels].replace(b"</Relationships>", relation.encode())
    spaces = 'xmlns="http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"'
    parts["xl/threadedComments/threadedComment1.xml"] = (
        f'<ThreadedComments {spaces}><threadedComment ref="B2" personId="p1" id="1"><text>Is it gross?</text>'
        f'</threadedComment><threadedComment ref="B2" personId="p2" id="2" parentId="1"><text>Net.</text>'
        "</threadedComment></ThreadedComments>"
    )
    people = '<person displayName="Ann" id="p1"/><person displayName="Ben" id="p2"/>'
    parts["xl/persons/person.xml"] = f"<personList {spaces}>{people}</personList>"
    text = partition_file(pack(tmp_path / "b.xlsx", parts), "x").text
    assert text.endswith("\n\n[comment by Ann at B2: Is it gross?] [comment by Ben at B2: Net.]")
    assert "Your version" not in text


def test_headers_and_footers_of_printed_sheets(tmp_path):
    made = book()
    made.active.oddHeader.left.text = "Procedure QP-4471 &A"
    made.active.oddHeader.right.text = '&"Arial,Bold"&12Revision F && later'
    made.active.oddFooter.center.text = "Page &P of &N"
    second = made.create_sheet("More")
    second.append(["x", "y"])
    second.oddHeader.left.text = "Procedure QP-4471 &A"
    second.oddHeader.right.text = '&"Arial,Bold"&12Revision F && later'
    made.save(tmp_path / "a.xlsx")
    text = partition_file(tmp_path / "a.xlsx", "x").text
    assert text.startswith("Prices\n\n[header: Procedure QP-4471 Revision F & later]\n\nArticle | Price")
    assert text.count("QP-4471") == 1 and "Page" not in text


def test_charts_text_boxes_and_pictures(tmp_path):
    made = book()
    chart = BarChart()
    chart.title, chart.y_axis.title = "Prices in spring", "EUR"
    chart.add_data(Reference(made.active, min_col=2, min_row=1, max_row=3), titles_from_data=True)
    made.active.add_chart(chart, "D2")
    other = BarChart()
    other.title = "Prices in winter"
    other.add_data(Reference(made.active, min_col=2, min_row=1, max_row=3), titles_from_data=True)
    made.create_chartsheet("Only a chart").add_chart(other)
    made.save(tmp_path / "a.xlsx")
    parts = members(tmp_path / "a.xlsx")
    spaces = 'xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"'
    a = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    box = (
        f'<xdr:twoCellAnchor {spaces} {a}><xdr:sp><xdr:nvSpPr><xdr:cNvPr id="9" name="Box" descr="A pump"/></xdr:nvSpPr>'
        "<xdr:txBody><a:p><a:r><a:t>Valid until </a:t></a:r><a:r><a:t>May</a:t></a:r></a:p></xdr:txBody></xdr:sp>"
        "</xdr:twoCellAnchor>"
    )
    name = "xl/drawings/drawing1.xml"
    end = parts[name].rindex(b"</")
    parts[name] = parts[name][:end] + box.encode() + parts[name][end:]
    document = partition_file(pack(tmp_path / "b.xlsx", parts), "x")
    assert "Valid until May\n\n[image: A pump]\n\n[chart: Prices in spring; EUR]" in document.text
    assert document.text.endswith("Only a chart\n\n[chart: Prices in winter]")
