"""Rebuild the binary documents of the demo knowledge base, byte for byte.

    python corpora/generate.py            write corpora/demo/docs/**
    python corpora/generate.py --check    exit 1 when a file on disk differs

The prose lives in `corpora/source/*.txt` in a small line format (see `parse`);
tables and workbooks are in this file. Nothing depends on the clock: PDF files
use reportlab's invariant mode, Office files get fixed dates inside and out.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DOCS = HERE / "demo" / "docs"
SOURCE = HERE / "source"
STAMP = datetime(2025, 6, 30, 12, 0, 0)


def parse(path: Path) -> tuple[dict[str, str], list[tuple[str, object]]]:
    """Read `key: value` lines up to a blank line, then blocks.

    `# ` title, `## ` heading, `### ` subheading, `* ` list item, `+ ` numbered
    item, `| ` table row (cells split by `|`, first row is the header), `---`
    page or slide break, `> ` speaker note, anything else a paragraph.
    """
    meta: dict[str, str] = {}
    head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    for line in head.splitlines():
        key, _, value = line.partition(":")
        meta[key.strip()] = value.strip()
    marks = {
        "# ": "title",
        "## ": "h1",
        "### ": "h2",
        "* ": "item",
        "+ ": "step",
        "> ": "note",
    }
    blocks: list[tuple[str, object]] = []
    for line in body.splitlines():
        line = line.strip()
        if not line:
            if blocks and blocks[-1][0] == "table":
                blocks.append(("gap", ""))
            continue
        if line == "---":
            blocks.append(("break", ""))
        elif line.startswith("|"):
            row = [cell.strip() for cell in line.strip("|").split("|")]
            if blocks and blocks[-1][0] == "table":
                blocks[-1][1].append(row)  # type: ignore[attr-defined]
            else:
                blocks.append(("table", [row]))
        else:
            for mark, kind in marks.items():
                if line.startswith(mark):
                    blocks.append((kind, line[len(mark) :].strip()))
                    break
            else:
                blocks.append(("text", line))
    return meta, [b for b in blocks if b[0] != "gap"]


# --- PDF -----------------------------------------------------------------


def pdf(path: Path) -> bytes:
    """Return the PDF of a source file: headings, running header and footer, tables."""
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import mm
    from reportlab.platypus import (
        KeepTogether,
        PageBreak,
        Paragraph,
        SimpleDocTemplate,
        Spacer,
        Table,
        TableStyle,
    )

    meta, blocks = parse(path)
    body = ParagraphStyle("body", fontName="Helvetica", fontSize=10, leading=14, spaceAfter=7)
    styles = {
        "title": ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=20, leading=25, spaceAfter=12),
        "h1": ParagraphStyle(
            "h1",
            fontName="Helvetica-Bold",
            fontSize=14,
            leading=18,
            spaceBefore=10,
            spaceAfter=6,
        ),
        "h2": ParagraphStyle(
            "h2",
            fontName="Helvetica-Bold",
            fontSize=11.5,
            leading=15,
            spaceBefore=6,
            spaceAfter=4,
        ),
        "text": body,
        "item": ParagraphStyle("item", parent=body, leftIndent=12),
        "step": ParagraphStyle("step", parent=body, leftIndent=12),
    }
    cell = ParagraphStyle("cell", fontName="Helvetica", fontSize=9, leading=11)
    head = ParagraphStyle("head", fontName="Helvetica-Bold", fontSize=9, leading=11)

    def esc(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    def decorate(canvas, doc) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.drawString(20 * mm, 285 * mm, meta["header"])
        canvas.drawRightString(190 * mm, 285 * mm, meta["version"])
        canvas.line(20 * mm, 283 * mm, 190 * mm, 283 * mm)
        canvas.drawString(20 * mm, 10 * mm, "Kvistholm Data ApS - Sonnesgade 11 - 8000 Aarhus C")
        canvas.drawRightString(190 * mm, 10 * mm, f"Page {doc.page}")
        canvas.restoreState()

    flow: list = []
    for kind, value in blocks:
        if kind == "break":
            flow.append(PageBreak())
        elif kind == "table":
            rows = [[Paragraph(esc(c), head if i == 0 else cell) for c in row] for i, row in enumerate(value)]
            widths = [170 * mm / len(rows[0])] * len(rows[0])
            if meta.get("widths"):
                widths = [float(w) * mm for w in meta["widths"].split()]
                if len(widths) != len(rows[0]):
                    widths = [170 * mm / len(rows[0])] * len(rows[0])
            table = Table(rows, colWidths=widths, repeatRows=1)
            table.setStyle(
                TableStyle(
                    [
                        ("GRID", (0, 0), (-1, -1), 0.5, colors.grey),
                        ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#dde7ee")),
                        ("VALIGN", (0, 0), (-1, -1), "TOP"),
                    ]
                )
            )
            flow += [KeepTogether([table]), Spacer(1, 8)]
        else:
            # kept whole, so that a sentence never crosses the running footer
            flow.append(KeepTogether([Paragraph(esc(str(value)), styles[kind])]))
    out = io.BytesIO()
    SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=22 * mm,
        bottomMargin=20 * mm,
        title=meta["title"],
        author="Kvistholm Data ApS",
        subject=meta["version"],
        invariant=1,
    ).build(flow, onFirstPage=decorate, onLaterPages=decorate)
    return out.getvalue()


# --- Office --------------------------------------------------------------


def settled(data: bytes) -> bytes:
    """The same Office package with sorted members, fixed dates and no clock in core.xml."""
    out = io.BytesIO()
    iso = STAMP.strftime("%Y-%m-%dT%H:%M:%SZ")
    with (
        zipfile.ZipFile(io.BytesIO(data)) as src,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as dst,
    ):
        names = sorted(src.namelist(), key=lambda n: (n != "[Content_Types].xml", n))
        for name in names:
            blob = src.read(name)
            if name == "docProps/core.xml":
                blob = re.sub(
                    rb"(<dcterms:(created|modified)[^>]*>)[^<]*(</dcterms:)",
                    rb"\g<1>" + iso.encode() + rb"\3",
                    blob,
                )
            info = zipfile.ZipInfo(name, STAMP.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 0
            dst.writestr(info, blob)
    return out.getvalue()


def props(core: Any, meta: dict[str, str]) -> None:
    """Write fixed core properties, so that the bytes do not depend on the day."""
    core.title, core.author, core.subject = (
        meta["title"],
        "Kvistholm Data ApS",
        meta["version"],
    )
    core.last_modified_by, core.revision = "Kvistholm Data ApS", 1
    core.created = core.modified = STAMP


def docx(path: Path) -> bytes:
    """Return the Word document of a source file."""
    from docx import Document

    meta, blocks = parse(path)
    doc = Document()
    props(doc.core_properties, meta)
    doc.sections[0].header.paragraphs[0].text = meta["header"]
    doc.sections[0].footer.paragraphs[0].text = "Kvistholm Data ApS, Aarhus"
    for kind, value in blocks:
        if kind == "title":
            doc.add_heading(value, 0)
        elif kind in ("h1", "h2"):
            doc.add_heading(value, int(kind[1]))
        elif kind == "item":
            doc.add_paragraph(value, style="List Bullet")
        elif kind == "step":
            doc.add_paragraph(value, style="List Number")
        elif kind == "break":
            doc.add_page_break()
        elif kind == "table":
            table = doc.add_table(rows=0, cols=len(value[0]), style="Table Grid")
            for row in value:
                for target, text in zip(table.add_row().cells, row, strict=True):
                    target.text = text
        else:
            doc.add_paragraph(value)
    out = io.BytesIO()
    doc.save(out)
    return settled(out.getvalue())


def pptx(path: Path) -> bytes:
    """Return the slides of a source file, with its speaker notes."""
    from pptx import Presentation
    from pptx.util import Inches

    meta, blocks = parse(path)
    deck = Presentation()
    props(deck.core_properties, meta)
    slide = None
    frame = None
    for kind, value in blocks:
        if kind == "title":
            slide = deck.slides.add_slide(deck.slide_layouts[0])
            slide.shapes.title.text = value
            frame = slide.placeholders[1].text_frame
        elif kind == "h1":
            slide = deck.slides.add_slide(deck.slide_layouts[1])
            slide.shapes.title.text = value
            frame = slide.placeholders[1].text_frame
        elif kind == "table":
            box = slide.placeholders[1]
            box._element.getparent().remove(box._element)
            shape = slide.shapes.add_table(
                len(value),
                len(value[0]),
                Inches(0.5),
                Inches(1.7),
                Inches(9),
                Inches(0.4 * len(value)),
            )
            for r, row in enumerate(value):
                for c, text in enumerate(row):
                    shape.table.cell(r, c).text = text
        elif kind == "note":
            slide.notes_slide.notes_text_frame.text = value
        elif kind != "break":
            para = frame.paragraphs[0] if not frame.text else frame.add_paragraph()
            para.text = value
    out = io.BytesIO()
    deck.save(out)
    return settled(out.getvalue())


def xlsx(title: str, sheets: dict[str, list[list[object]]]) -> bytes:
    """Return a workbook with one sheet per table; the first row is the header."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "A2"
    book.properties.title, book.properties.creator = title, "Kvistholm Data ApS"
    out = io.BytesIO()
    book.save(out)
    return settled(out.getvalue())


PLANS = {
    "Plans 2025": [
        [
            "Plan",
            "Users",
            "EUR per user and month",
            "Pooled storage",
            "Longest retention",
            "Support",
            "Included functions",
        ],
        [
            "Solo",
            "1",
            "9.00",
            "250 GB",
            "1 year",
            "mail, next working day",
            "agent, 1 Space, web restore",
        ],
        [
            "Team",
            "5 to 50",
            "7.50",
            "2 TB",
            "2 years",
            "mail and chat, 8 hours",
            "Spaces, share links, Ransomware Guard",
        ],
        [
            "Business",
            "5 to 300",
            "11.00",
            "10 TB",
            "10 years",
            "mail, chat, telephone, 4 hours",
            "SSO, API, groups, fire drill, templates",
        ],
        [
            "Business Plus",
            "25 and more",
            "15.50",
            "25 TB",
            "without end",
            "severity 1 around the clock",
            "SCIM, legal hold, audit stream, customer success manager",
        ],
        [
            "Team for charities",
            "5 to 50",
            "4.88",
            "2 TB",
            "2 years",
            "mail and chat, 8 hours",
            "as Team",
        ],
        [
            "Archive seat",
            "any",
            "2.20",
            "none of its own",
            "as the plan",
            "as the plan",
            "keeps data of people who have left; no devices",
        ],
        [
            "Extra storage",
            "any",
            "21.00 per TB",
            "1 TB",
            "as the plan",
            "as the plan",
            "charged for each TB begun",
        ],
    ],
    "Limits by plan": [
        ["Limit", "Solo", "Team", "Business", "Business Plus"],
        ["Devices per user", "3", "8", "8", "8, up to 20 on request"],
        ["Spaces", "1", "50", "400", "2000"],
        ["Guests per paid user", "0", "2", "10", "10"],
        ["API tokens", "0", "0", "50", "50"],
        ["Webhook endpoints", "0", "1", "10", "10"],
        ["Tarn Boxes", "0", "1", "5", "40"],
        ["Courier drives free of charge per year", "0", "0", "1", "4"],
        ["File request size", "1 GB", "5 GB", "5 GB", "20 GB"],
        ["Live share links", "20", "1000", "10000", "no limit"],
        ["Users on legal hold", "0", "0", "0", "40"],
    ],
}

COMPAT = {
    "Systems": [
        [
            "System",
            "Oldest version",
            "Newest tested",
            "First agent",
            "Support ends",
            "Remarks",
        ],
        [
            "Windows 10",
            "22H2",
            "22H2",
            "3.0",
            "2026-10-13",
            "extended security updates needed after 2025-10-14",
        ],
        ["Windows 11", "22H2", "24H2", "3.9", "open", "x64 and ARM from 4.2"],
        ["Windows Server 2016", "1607", "1607", "3.0", "2027-01-12", "no placeholders"],
        ["Windows Server 2022", "21H2", "21H2", "3.9", "open", "ReFS from 4.2.3"],
        ["Windows Server 2025", "24H2", "24H2", "4.2", "open", "none"],
        ["macOS Monterey", "12.7", "12.7", "3.9", "2025-12-31", "last release is 4.2"],
        ["macOS Sequoia", "15.0", "15.5", "4.1", "open", "15.4 needs agent 4.2.3"],
        ["Ubuntu", "20.04", "24.04", "3.4", "open", "20.04 until 2025-12-31"],
        ["Debian", "11", "12", "3.6", "open", "none"],
        [
            "Red Hat Enterprise Linux",
            "8.6",
            "9.5",
            "3.8",
            "open",
            "Rocky and Alma as well",
        ],
        [
            "openSUSE Leap",
            "15.5",
            "15.6",
            "4.0",
            "2025-12-31",
            "best effort, no SELinux",
        ],
        [
            "Synology DSM",
            "none",
            "none",
            "none",
            "never",
            "read the shares with a Tarn Box",
        ],
    ],
    "Box firmware": [
        ["Firmware", "Date", "TB-2", "TB-4", "TB-8", "Needs console", "Change"],
        ["3.2", "2023-06-12", "yes", "yes", "no", "4.0", "NFS 4.1 sources"],
        ["3.3", "2024-01-22", "yes", "yes", "yes", "4.0", "first firmware for TB-8"],
        ["3.4", "2024-09-09", "yes", "yes", "yes", "4.1", "TLS 1.3"],
        [
            "3.4.2",
            "2025-01-27",
            "yes",
            "yes",
            "yes",
            "4.1",
            "fix for fan noise of TB-4",
        ],
        [
            "3.5",
            "2025-04-28",
            "yes",
            "yes",
            "yes",
            "4.2",
            "SMB 2.1 selectable, disk encryption with TPM",
        ],
        [
            "3.5.1",
            "2025-06-16",
            "yes",
            "yes",
            "yes",
            "4.2",
            "fix for free space after 49 days",
        ],
    ],
}


def build() -> dict[str, bytes]:
    """Return every binary document by its path below demo/docs."""
    files: dict[str, bytes] = {}
    makers = {"pdf": pdf, "docx": docx, "pptx": pptx}
    for source in sorted(SOURCE.glob("*.txt")):
        meta, _ = parse(source)
        files[meta["file"]] = makers[meta["file"].rsplit(".", 1)[1]](source)
    files["sales/plans-and-limits.xlsx"] = xlsx("Plans and limits 2025", PLANS)
    files["appliance/compatibility-matrix.xlsx"] = xlsx("Compatibility matrix", COMPAT)
    return files


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    args = parser.parse_args()
    bad = 0
    for name, data in build().items():
        target = DOCS / name
        same = target.is_file() and target.read_bytes() == data
        if args.check:
            bad += not same
        elif not same:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        print(f"{'same   ' if same else 'differs' if args.check else 'written'} {name}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
