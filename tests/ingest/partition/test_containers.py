# ruff: noqa: E501
"""Files that are something else inside than their names say are read as what they are, or say what to save them as."""

import json
import plistlib
import zipfile
from pathlib import Path

import pytest

from ingest.partition import partition_file
from rag.errors import DocumentError
from tests.ingest.office import docx, run

FAULTS = Path(__file__).parents[2] / "faults"
OLE = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600
RTF = r"""{\rtf1\ansi\ansicpg1252\uc1{\fonttbl{\f0\fswiss Arial;}{\f1\fcharset204 Arial Cyr;}{\f2\fcharset2 Symbol;}}
{\stylesheet{\s0 Normal;}{\s1 heading 1;}}{\info{\title Mooring rules}{\author Bob}}
{\header\pard Procedure QP-4471\par}{\footer\pard Page {\field{\*\fldinst PAGE}{\fldrslt 1}}\par}
\pard\s1 Berths\par
\pard\plain\f0 The limit is 10{\super 6} CFU, {\strike old} new: \f1 \'cf\'f0\'e8 \f2 W\f0 .{\super\chftn}{\footnote\pard Note words\par}
{\*\atnid x}{\*\atnauthor Ann}\chatn{\*\annotation Comment words}\par
\pard{\listtext\tab 1.\tab}First rope\par{\listtext\tab 2.\tab}Second rope\par
\pard See {\field{\*\fldinst HYPERLINK "https://x.example.org/a"}{\fldrslt the form}} now.\par
\trowd\cellx100\cellx200\pard\intbl Berth\cell Free\cell\row
\trowd\clvmgf\cellx100\cellx200\pard\intbl B7\cell May\cell\row
\trowd\clvmrg\cellx100\cellx200\pard\intbl \cell June\cell\row
\pard After {\v hidden}{\*\unknown junk}the table {\pict\pngblip 8950ab}\emdash  line\u-10179?\u-8704?\par
{\shp{\*\shpinst{\sp{\sn foo}{\sv 1}}{\shptxt\pard Box words\par}}{\shprslt Box words}}\par
{\object{\*\objdata 0105}{\result picture}}\par}"""
MHT = """From: <Saved by a browser>
Subject: Ferry
MIME-Version: 1.0
Content-Type: multipart/related; type="text/html"; boundary="xx"

--xx
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<html><head><title>Ferry times</title></head><body><h1>Ferry</h1><p>The ferry to Fan=C3=B8 leaves at nine and at eleven.</p></body></html>
--xx
Content-Type: image/png
Content-Transfer-Encoding: base64

AAECAwQFBgcICQoL
--xx--
"""


def text_of(path, data=None):
    if data is not None:
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    document = partition_file(path, "x")
    return document.text


@pytest.mark.parametrize(
    ("name", "words", "never"),
    [
        ("letter.rtf", ["The lease for Unit 12 ends on 30 June 2027.", "3 month’s rent in København"], "fonttbl"),
        ("old-letter.doc", ["The ferry contract was signed in Bærum."], "fonttbl"),
        ("manual.xml", ["Wear gloves when the blade is out."], "<para>"),
        ("notebook.ipynb", ["The threshold was set to 0.42 after review.", "import pandas as pd"], "AAECAwQF"),
    ],
)
def test_the_containers_of_the_fault(name, words, never):
    text = text_of(FAULTS / "text_containers" / name)
    assert all(each in text for each in words) and never not in text and "\\rtf" not in text


@pytest.mark.parametrize("name", ["a.rtf", "a.doc", "a.docx", "a.txt", "a.xls"])
def test_rich_text_under_any_name(tmp_path, name):
    text = text_of(tmp_path / name, RTF)
    assert text == (
        "[header: Procedure QP-4471]\n\nBerths\n\nThe limit is 10^6 CFU, ~~old~~ new: При Ω.[^1]\n\n[^1]: Note words\n\n"
        "[comment by Ann: Comment words]\n\n1. First rope\n\n2. Second rope\n\n"
        "See the form (https://x.example.org/a) now.\n\nBerth | Free\nB7 | May\nB7 | June\n\n"
        "After the table — line😀\n\nBox words\n\npicture"
    )
    document = partition_file(tmp_path / name, "x")
    assert document.title in {"Berths", "Mooring rules"} and document.warnings == ("1 embedded objects were not read",)


@pytest.mark.parametrize("name", ["export.xls", "export.doc", "export.xlsx", "export.docx"])
def test_html_under_the_names_of_office(tmp_path, name):
    page = "<html xmlns:x='urn:schemas-microsoft-com:office:excel'><body><table><tr><th>Berth</th><th>Free</th></tr>"
    text = text_of(tmp_path / name, page + "<tr><td>B7</td><td>yes</td></tr></table></body></html>")
    assert text == "Berth | Free\nB7 | yes"


def test_tab_separated_text_under_the_name_of_a_workbook(tmp_path):
    assert text_of(tmp_path / "export.xls", "Berth\tFree\nB7\tyes\n") == "Berth | Free\nB7 | yes"
    assert text_of(tmp_path / "utf16.xls", "Berth\tFree\nB7\tyes\n".encode("utf-16")) == "Berth | Free\nB7 | yes"


def test_new_packages_under_old_and_wrong_names(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["Berth", "Free"])
    book.active.append(["B7", "yes"])
    book.save(tmp_path / "a.xlsx")
    for name in ("a.xls", "a.csv", "a.docx"):
        assert "B7 | yes" in text_of(tmp_path / name, (tmp_path / "a.xlsx").read_bytes())
    docx(tmp_path, [run("The ferry contract.")])
    assert (
        text_of(tmp_path / "b.doc", (tmp_path / "a.docx").read_bytes() and docx(tmp_path, [run("Ferry.")]).read_bytes())
        == "Ferry."
    )


@pytest.mark.parametrize("name", ["a.mht", "a.mhtml", "a.doc", "a.html"])
def test_saved_pages_in_one_file(tmp_path, name):
    assert "The ferry to Fanø leaves at nine and at eleven." in text_of(tmp_path / name, MHT)
    assert "AAEC" not in text_of(tmp_path / name)


def test_a_web_archive_of_safari(tmp_path):
    page = b"<html><body><h1>Ferry</h1><p>It leaves at nine.</p></body></html>"
    main = {"WebResourceData": page, "WebResourceTextEncodingName": "UTF-8", "WebResourceMIMEType": "text/html"}
    data = plistlib.dumps({"WebMainResource": main}, fmt=plistlib.FMT_BINARY)
    assert text_of(tmp_path / "a.webarchive", data) == "Ferry\n\nIt leaves at nine."


@pytest.mark.parametrize(
    ("name", "data", "better"),
    [
        ("a.doc", OLE, "save it as .docx"),
        ("a.xls", OLE, "save it as .xlsx"),
        ("b.xls", OLE.rstrip(b"\0") + b"text", "save it as .xlsx"),
        ("a.ppt", OLE, "save it as .pptx"),
        ("a.ods", b"PK\x03\x04x", "save it as .xlsx"),
        ("a.odp", b"PK\x03\x04x", "save it as .pptx"),
        ("a.xlsb", b"PK\x03\x04x", "save it as .xlsx"),
        ("~$report.docx", b"\x06Ann" + b"\0" * 158, "lock file"),
    ],
)
def test_what_is_not_read_says_what_to_save_it_as(tmp_path, name, data, better):
    with pytest.raises(DocumentError, match=better):
        text_of(tmp_path / name, data)


def test_xml_of_documents(tmp_path):
    book = """<book xmlns="http://docbook.org/ns/docbook"><title>Guide</title><info><author>Ann</author></info>
    <chapter><title>One</title><para>Use <link href="https://x.example.org/y">this form</link> now.</para>
    <itemizedlist><listitem><para>first</para></listitem><listitem><para>second</para>
    <orderedlist><listitem><para>deep</para></listitem></orderedlist></listitem></itemizedlist>
    <programlisting>if x:
  stop()</programlisting>
    <table><title>Tides</title><tgroup cols="2"><thead><row><entry>Port</entry><entry>High</entry></row></thead>
    <tbody><row><entry>Husum</entry><entry>04:12</entry></row></tbody></tgroup></table></chapter></book>"""
    document = partition_file(tmp_path / "a.xml", "x") if (tmp_path / "a.xml").write_text(book) else None
    assert document.title == "Guide"
    assert document.text == (
        "Guide\n\nauthor: Ann\n\nOne\n\nUse this form (https://x.example.org/y) now.\n\nfirst\n\nsecond\n   1. deep\n\n"
        "if x:\n  stop()\n\nTides\n\nPort | High\nHusum | 04:12"
    )
    assert [block.head for block in document.blocks if block.kind == "table"] == [1]
    task = "<task><title>T</title><taskbody><steps><step><cmd>Close it.</cmd><info>By hand.</info></step></steps></taskbody></task>"
    text = text_of(tmp_path / "b.xml", task.replace("<taskbody>", "<shortdesc>How.</shortdesc><taskbody>"))
    assert text == "T\n\nHow.\n\n1. Close it. By hand."


def test_xml_of_data_is_written_as_json_is(tmp_path):
    items = '<stock><item sku="A1"><name>Pump</name><price cur="EUR">12.50</price></item><item sku="A2"><name>Valve</name><price cur="EUR">3.10</price></item><note/></stock>'  # noqa: E501
    text = text_of(tmp_path / "a.xml", items)
    assert "A1 | Pump | 12.50 (cur: EUR)\nA2 | Valve | 3.10 (cur: EUR)" in text
    feed = "<rss><channel><title>News</title><item><title>Lift</title><description><![CDATA[<p>Lift <b>3</b> is out</p>]]></description></item></channel></rss>"  # noqa: E501
    text = text_of(tmp_path / "b.xml", feed)
    assert "Lift 3 is out" in text and "<p>" not in text
    with pytest.raises(DocumentError, match="save it as .docx"):
        text_of(
            tmp_path / "c.xml",
            '<x:Workbook xmlns:x="urn:schemas.microsoft.com/office"/>'.replace("urn:schemas.", "http://schemas."),
        )


def test_a_notebook_shows_its_printed_outputs_and_no_pictures(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": "# Churn\n\nWords.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"},
        {"cell_type": "code", "source": ["x = 1\n", "x"], "outputs": [
            {"output_type": "stream", "text": ["printed 42\n"]},
            {"output_type": "execute_result", "data": {"text/plain": ["plain 1"], "text/html": ["<table><tr><th>k</th><th>v</th></tr><tr><td>rows</td><td>77</td></tr></table>"]}},
            {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo", "text/plain": ["<Figure>"]}},
            {"output_type": "error", "ename": "ValueError", "evalue": "no rows"}]},
        {"cell_type": "raw", "source": "Raw words"},
    ]  # fmt: skip
    text = text_of(tmp_path / "a.ipynb", json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    for words in ("Churn\n\nWords.", "x = 1\nx", "printed 42", "k | v\nrows | 77", "ValueError: no rows", "Raw words"):
        assert words in text
    assert "iVBOR" not in text
    old = {
        "worksheets": [
            {
                "cells": [
                    {"cell_type": "heading", "level": 2, "source": ["Old"]},
                    {"cell_type": "code", "input": "y = 2"},
                ]
            }
        ]
    }
    assert text_of(tmp_path / "b.ipynb", json.dumps(old)) == "Old\n\ny = 2"
    with pytest.raises(DocumentError, match="no notebook"):
        text_of(tmp_path / "c.ipynb", "[1]")


def test_packages_with_the_path_separators_of_windows(tmp_path):
    import openpyxl
    from pptx import Presentation

    book, deck = openpyxl.Workbook(), Presentation()
    book.active.append(["Berth B7", "free"])
    book.save(tmp_path / "a.xlsx")
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "Berth B7"
    deck.save(tmp_path / "a.pptx")
    docx(tmp_path, [run("Berth B7")])
    for name in ("a.docx", "a.xlsx", "a.pptx"):
        with zipfile.ZipFile(tmp_path / name) as package, zipfile.ZipFile(tmp_path / f"w{name}", "w") as other:
            for member in package.namelist():
                info = zipfile.ZipInfo("x")
                info.filename = member.replace("/", "\\")
                other.writestr(info, package.read(member))
        assert "Berth B7" in text_of(tmp_path / f"w{name}")
