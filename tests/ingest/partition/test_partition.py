"""Each format from a file made here, down to blocks and offsets."""

import zipfile
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.partition import PARTITIONERS, document_from_row, partition_file
from rag.errors import DocumentError

pytestmark = pytest.mark.filterwarnings("ignore")


def layout(document):
    """Check the offsets of a document and return its blocks as (kind, text)."""
    end = 0
    for block in document.blocks:
        assert end <= block.span.start
        text = document.text[block.span.start : block.span.end]
        assert text == text.strip() != ""
        end = block.span.end
    rest = list(document.text)
    for block in document.blocks:
        rest[block.span.start : block.span.end] = " " * len(block.span)
    assert "".join(rest).strip() == ""
    return [(block.kind, document.text[block.span.start : block.span.end]) for block in document.blocks]


def partitioned(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return partition_file(path, path.name)


MARKDOWN = """---
title: "Guide: disks"
tags: [a, b]
version: 4.2
---
Intro line
goes on.

# Disks *and* `trays`

1. Pull
   - nested
2. Push

| A | B |
|---|---|
| 1 | 2 |

```sh
# not a heading
x
```

Under
-----
[ref]: http://x.example "t"

### Deep

> quoted
"""


def test_markdown_keeps_every_character_and_its_layout(tmp_path):
    document = partitioned(tmp_path / "a.md", MARKDOWN)
    assert document.text == MARKDOWN
    assert document.title == "Guide: disks"
    assert document.metadata == {"tags": ("a", "b"), "version": "4.2", "format": "md"}
    assert layout(document) == [
        ("front_matter", MARKDOWN[: MARKDOWN.index("\nIntro")]),
        ("paragraph", "Intro line\ngoes on."),
        ("heading", "# Disks *and* `trays`"),
        ("list_item", "1. Pull\n   - nested"),
        ("list_item", "2. Push"),
        ("table", "| A | B |\n|---|---|\n| 1 | 2 |"),
        ("code", "```sh\n# not a heading\nx\n```"),
        ("heading", "Under\n-----"),
        ("paragraph", '[ref]: http://x.example "t"'),
        ("heading", "### Deep"),
        ("paragraph", "> quoted"),
    ]
    assert document.blocks[3].headings == ("Disks and trays",)
    assert document.blocks[-1].headings == ("Disks and trays", "Under", "Deep")


def test_markdown_clean_text_is_the_file(tmp_path):
    document = partitioned(tmp_path / "a.md", b"\xef\xbb\xbf# T\r\n\r\ncafe\xcc\x81\rlone\r\n\r\n## U\r\n")
    assert document.text == "# T\n\ncafe\u0301\nlone\n\n## U\n"
    assert layout(document) == [("heading", "# T"), ("paragraph", "cafe\u0301\nlone"), ("heading", "## U")]


@given(st.text(st.sampled_from("# -*|`>\n\r\t a1.:[](){}é\u2028"), max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_markdown_is_covered_by_ordered_blocks(tmp_path_factory, text):
    if not text.strip():
        return
    path = tmp_path_factory.getbasetemp() / "any.md"
    layout(partitioned(path, text))


def test_bad_front_matter_is_a_warning(tmp_path):
    document = partitioned(tmp_path / "a.md", "---\na: [1\n---\n# Head\n")
    assert document.title == "Head" and "front matter" in document.warnings[0]


def test_text_and_rst(tmp_path):
    document = partitioned(tmp_path / "a.txt", "One\nline.\n\n\n  Two.\n")
    assert document.text == "One\nline.\n\n\n  Two.\n" and document.title == "a"
    assert layout(document) == [("paragraph", "One\nline."), ("paragraph", "Two.")]
    document = partitioned(tmp_path / "a.rst", "Head\n====\n\nBody.\n\nSub\n---\n\nMore.\n")
    assert document.title == "Head" and document.blocks[-1].headings == ("Head", "Sub")


def test_other_encodings_are_guessed_with_a_warning(tmp_path):
    german = "Die Größe der Öffnung beträgt fünf Millimeter, übrigens ähnlich für große Geräte. " * 5
    document = partitioned(tmp_path / "a.txt", german.encode("cp1252"))
    assert document.text == german and "not UTF-8" in document.warnings[0]
    assert partitioned(tmp_path / "b.txt", german.encode("utf-16")).text == german


HTML = """<!doctype html><html lang="en"><head><title>Site | Disks</title><style>p{}</style></head><body>
<header class="site-header"><a href="/">Home page</a></header><nav><ul><li>Menu entry</li></ul></nav>
<div class="cookie-banner"><p>We use cookies.</p></div>
<main><h1>Disks</h1><p>A <b>bold</b>
 word. Next sentence.</p><div hidden>Hidden words</div><h2>Trays</h2><ul><li>one</li><li>two</li></ul>
<table><thead><tr><th>Model</th><th>Size</th></tr></thead><tbody><tr><td>TB-2</td><td>4<br>TB</td></tr></tbody></table>
<pre><code>if x:
    y()
</code></pre><aside>A note that matters.</aside></main>
<footer>Imprint 2026</footer><script>alert("x")</script></body></html>"""


def test_html_without_its_frame(tmp_path):
    document = partitioned(tmp_path / "a.html", HTML)
    assert document.title == "Disks" and document.metadata == {"language": "en", "format": "html"}
    assert layout(document) == [
        ("heading", "Disks"),
        ("paragraph", "A bold word. Next sentence."),
        ("heading", "Trays"),
        ("list_item", "one"),
        ("list_item", "two"),
        ("table", "Model | Size\nTB-2 | 4 TB"),
        ("code", "if x:\n    y()"),
        ("paragraph", "A note that matters."),
    ]
    assert document.blocks[-1].headings == ("Disks", "Trays")


def test_html_title_and_charset(tmp_path):
    head = '<html><head><meta charset="iso-8859-1"><title>Caf\xe9</title></head>'
    page = head + "<body><p>Gr\xfc\xdfe an alle.</p></body></html>"
    document = partitioned(tmp_path / "a.html", page.encode("latin-1"))
    assert (document.title, document.text) == ("Café", "Grüße an alle.")
    page = "<body><header><h1>Kept head</h1><p>Logo</p></header><p>Body words.</p></body>"
    assert partitioned(tmp_path / "b.html", page).text == "Kept head\n\nBody words."


def test_docx(tmp_path):
    import docx

    made = docx.Document()
    made.core_properties.title = "Core"
    made.sections[0].header.paragraphs[0].text = "Running header"
    made.add_paragraph("Before any heading.")
    made.add_heading("Rules", 1)
    made.add_paragraph("first", style="List Bullet")
    made.add_heading("Fees", 2)
    table = made.add_table(2, 2)
    for r in range(2):
        for c in range(2):
            table.cell(r, c).text = f"r{r}c{c}"
    made.save(tmp_path / "a.docx")
    document = partition_file(tmp_path / "a.docx", "a.docx")
    assert document.title == "Rules"
    assert layout(document) == [
        ("paragraph", "[header: Running header]"),
        ("paragraph", "Before any heading."),
        ("heading", "Rules"),
        ("list_item", "first"),
        ("heading", "Fees"),
        ("table", "r0c0 | r0c1\nr1c0 | r1c1"),
    ]
    assert document.blocks[-1].headings == ("Rules", "Fees")


def test_pptx(tmp_path):
    import pptx

    deck = pptx.Presentation()
    for n in (1, 2):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Slide {n}"
        slide.placeholders[1].text = "A point\nAnother one"
    slide.notes_slide.notes_text_frame.text = "Say this."
    deck.save(tmp_path / "a.pptx")
    document = partition_file(tmp_path / "a.pptx", "a.pptx")
    assert layout(document)[3:] == [
        ("heading", "Slide 2"),
        ("list_item", "A point"),
        ("list_item", "Another one"),
        ("paragraph", "Say this."),
    ]
    assert [block.page for block in document.blocks] == [1, 1, 1, 2, 2, 2, 2]


def test_xlsx_shows_values_as_the_sheet_does(tmp_path):
    import datetime

    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Plans"
    rows = [["Plan", "Price", "Share", "From", "Open"], ["Solo", 1234.5, 0.125, datetime.date(2025, 3, 1), True]]
    for row in rows:
        sheet.append(row)
    sheet["B2"].number_format, sheet["C2"].number_format = '"€"#,##0.00', "0.0%"
    sheet["A5"], sheet["B5"], sheet["A6"], sheet["B6"] = "x", 1, "y", 2.0
    book.create_sheet("Other")["A1"] = "A remark."
    book.create_sheet("Secret").sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    document = partition_file(tmp_path / "a.xlsx", "a.xlsx")
    assert layout(document) == [
        ("heading", "Plans"),
        ("table", "Plan | Price | Share | From | Open\nSolo | €1,234.50 | 12.5% | 2025-03-01 | TRUE"),
        ("table", "x | 1\ny | 2"),
        ("heading", "Other"),
        ("paragraph", "A remark."),
    ]
    assert document.warnings == ("the hidden sheet 'Secret' was left out",)


@pytest.mark.parametrize(("name", "text"), [("a.csv", 'a;b\n1;"x\ny"\n'), ("a.tsv", "a\tb\n1\tx y\n")])
def test_delimited_table(tmp_path, name, text):
    document = partitioned(tmp_path / name, text)
    assert layout(document) == [("table", "a | b\n1 | x y")] and document.title == "a"


def test_mail(tmp_path):
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Refund of order 7", "Ann <a@x.example>", "b@x.example"
    mail.set_content("Hello,\n\nthe tray broke.\n\n> On Friday you wrote:\n> wait\n")
    mail.add_attachment(b"x", maintype="image", subtype="png", filename="tray.png")
    document = partitioned(tmp_path / "a.eml", mail.as_bytes())
    assert document.title == "Refund of order 7" and document.metadata["from"] == "Ann <a@x.example>"
    texts = [text for _, text in layout(document)]
    assert texts[:3] == ["Refund of order 7", "From: Ann <a@x.example> | To: b@x.example", "Hello,"]
    assert "On Friday you wrote" in texts[-1]
    assert document.warnings == ("the attachment 'tray.png' was not ingested",)


def pdf(path, *, pages=3, password=None):
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), encrypt=StandardEncryption(password, password) if password else None)
    canvas.setTitle("Core title")
    for number in range(1, pages + 1):
        canvas.setFont("Helvetica", 8)
        canvas.drawString(60, 815, "ACME hardware guide")
        canvas.drawString(60, 25, f"Page {number} of {pages}")
        canvas.setFont("Helvetica-Bold", 16)
        canvas.drawString(60, 770, f"Chapter {'ABCDEFG'[number]}")
        canvas.setFont("Helvetica", 10)
        for i, line in enumerate(
            ["The disk is amber when it needs replace-", "ment. Pull it out.", "", "Wait ten seconds."]
        ):
            canvas.drawString(60, 740 - 13 * i, line)
        canvas.setFont("Helvetica-Bold", 10)
        canvas.drawString(60, 670, "Sizes by model")
        canvas.setFont("Helvetica", 10)
        for i, row in enumerate([("Model", "Size"), ("TB-2", "4 TB"), ("TB-8", "64 TB")]):
            for x, cell in zip((60, 250), row, strict=True):
                canvas.drawString(x, 650 - 14 * i, cell)
        canvas.showPage()
    canvas.save()


def test_pdf_headings_tables_pages_and_running_lines(tmp_path):
    pdf(tmp_path / "a.pdf")
    document = partition_file(tmp_path / "a.pdf", "a.pdf")
    assert document.title == "Chapter B"
    assert layout(document)[:5] == [
        ("heading", "Chapter B"),
        ("paragraph", "The disk is amber when it needs replacement. Pull it out."),
        ("paragraph", "Wait ten seconds."),
        ("heading", "Sizes by model"),
        ("table", "Model | Size\nTB-2 | 4 TB\nTB-8 | 64 TB"),
    ]
    body = [block for block in document.blocks if block.kind != "margin"]
    assert [block.page for block in body] == [1] * 5 + [2] * 5 + [3] * 5 + [1]
    assert layout(document)[15] == ("paragraph", "ACME hardware guide")
    assert body[-2].headings == ("Chapter D", "Sizes by model")
    margins = [(b.page, document.text[b.span.start : b.span.end]) for b in document.blocks if b.kind == "margin"]
    assert margins == [(1, "Page 1 of 3"), *((n, f"ACME hardware guide\nPage {n} of 3") for n in (2, 3))]
    assert document.blocks[: len(body)] == tuple(body)


def test_pdf_that_cannot_be_read_says_why(tmp_path):
    from reportlab.pdfgen.canvas import Canvas

    pdf(tmp_path / "locked.pdf", password="secret")
    with pytest.raises(DocumentError, match="protected by a password"):
        partition_file(tmp_path / "locked.pdf", "x")
    canvas = Canvas(str(tmp_path / "scan.pdf"))
    canvas.rect(10, 10, 100, 100)
    canvas.save()
    with pytest.raises(DocumentError, match="no page holds text"):
        partition_file(tmp_path / "scan.pdf", "x")
    whole = (tmp_path / "scan.pdf").read_bytes()
    (tmp_path / "half.pdf").write_bytes(whole[: len(whole) // 3])
    with pytest.raises(DocumentError):
        partition_file(tmp_path / "half.pdf", "x")


@pytest.mark.parametrize("suffix", sorted(PARTITIONERS))
@pytest.mark.parametrize("data", [b"", bytes(range(256)) * 40, b" \n \n"], ids=["empty", "random", "blank"])
def test_hostile_bytes_are_one_clear_line(tmp_path, suffix, data):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    with pytest.raises(DocumentError) as caught:
        partition_file(path, path.name)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_zip_without_a_document_and_unknown_binary(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as package:
        package.writestr("x.txt", "x")
    with pytest.raises(DocumentError, match="'word/document.xml' is missing"):
        partition_file(tmp_path / "a.docx", "x")
    with pytest.raises(DocumentError, match=r"format .exe is not supported; supported: .csv"):
        partitioned(tmp_path / "a.exe", b"MZ\x00\x01")
    assert partitioned(tmp_path / "Makefile", "all:\n\techo\n").text == "all:\n\techo\n"


def test_rows():
    row = {
        "doc_id": "a/b",
        "title": "T",
        "text": "One.\r\n\r\nTwo.",
        "url": "http://x",
        "lang": "en",
        "metadata": {"y": 1},
    }
    document = document_from_row(row, "h")
    assert document.text == "One.\n\nTwo." and document.uri == "http://x"
    assert document.metadata == {"lang": "en", "y": "1"}
    assert layout(document) == [("paragraph", "One."), ("paragraph", "Two.")]
    for bad in (
        {"doc_id": "a"},
        {"doc_id": "a", "text": " "},
        {"doc_id": "a", "text": "\ud800"},
        {"doc_id": "a", "text": 1},
    ):
        with pytest.raises(DocumentError):
            document_from_row(bad, "h")


def test_nothing_is_fetched(tmp_path, monkeypatch):
    import socket

    def refuse(*_, **__):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    page = '<html><body><p>Words <img src="http://x.example/a.png" alt="pic"> here.</p></body></html>'
    assert "Words" in partitioned(tmp_path / "a.html", page).text
