"""PDF files: the text layer by pdfminer with layout recovered from it, or unstructured's layout model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.clean import one_line
from ingest.partition.layout import Content, assemble
from ingest.partition.pdf_layout import Line, Page, pieces
from rag.errors import DocumentError

_MEDIA_TYPE = "application/pdf"
_BOLD = re.compile(r"bold|black|heavy|semibold|demi", re.IGNORECASE)
_FILE_NAME = re.compile(r"\.(?:docx?|pdf|tex|dvi|indd|pptx?|xlsx?|html?)\s*\Z|^(?:microsoft word|untitled)", re.I)
_SCANNED = "no page holds text (a scan?); run OCR on it first, or set ingest.partition.pdf_strategy to hi_res"


def partition_pdf(path: Path) -> Content:
    """Partition the text layer of a PDF.

    Raises:
        DocumentError: it is encrypted, damaged, or a scan without a text layer.
    """
    pages, title = _read(path)
    text, blocks = assemble(pieces(pages))
    if not text:
        raise DocumentError(_SCANNED)
    empty = sum(not page.lines for page in pages)
    warnings = (f"{empty} of {len(pages)} pages hold no text",) if empty else ()
    return Content(text, blocks, _MEDIA_TYPE, title=title, metadata={"pages": str(len(pages))}, warnings=warnings)


def partition_pdf_hi_res(path: Path) -> Content:
    """Partition a PDF by unstructured's layout model, whose weights must be at hand."""
    from ingest.partition.unstructured_elements import pdf_pieces

    text, blocks = assemble(pdf_pieces(path))
    return Content(text, blocks, _MEDIA_TYPE)


def _read(path: Path) -> tuple[list[Page], str]:
    from pdfminer.pdfdocument import PDFDocument, PDFPasswordIncorrect
    from pdfminer.pdfparser import PDFParser, PDFSyntaxError
    from pdfminer.psexceptions import PSException

    with path.open("rb") as file:
        if b"%PDF-" not in file.read(1024):
            raise DocumentError("it is no PDF: the %PDF- mark is missing")
        try:
            document = PDFDocument(PDFParser(file))
            return list(_pages(document)), _core_title(document)
        except PDFPasswordIncorrect as error:
            raise DocumentError("it is protected by a password; save it without one") from error
        except (PDFSyntaxError, PSException) as error:
            raise DocumentError(f"the PDF is damaged: {one_line(str(error)) or type(error).__name__}") from error


def _pages(document: Any) -> Iterator[Page]:
    from pdfminer.converter import PDFPageAggregator
    from pdfminer.layout import LAParams
    from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager
    from pdfminer.pdfpage import PDFPage

    resources = PDFResourceManager()
    device = PDFPageAggregator(resources, laparams=LAParams(boxes_flow=None))
    interpreter = PDFPageInterpreter(resources, device)
    for number, page in enumerate(PDFPage.create_pages(document), start=1):
        interpreter.process_page(page)
        layout = device.get_result()
        yield Page(number, layout.width, layout.height, tuple(_lines(layout)))


def _lines(layout: Any) -> Iterator[Line]:
    from pdfminer.layout import LTFigure, LTTextBox, LTTextLineHorizontal

    for item in layout:
        if isinstance(item, LTTextLineHorizontal):
            line = _line(item)
            if line:
                yield line
        elif isinstance(item, LTTextBox | LTFigure):
            yield from _lines(item)


def _line(item: Any) -> Line | None:
    from pdfminer.layout import LTChar

    text = item.get_text().strip()
    glyphs = [glyph for glyph in item if isinstance(glyph, LTChar) and glyph.get_text().strip()]
    if not glyphs or not text:
        return None
    size = Counter(round(glyph.size, 1) for glyph in glyphs).most_common(1)[0][0]
    bold = sum(bool(_BOLD.search(glyph.fontname)) for glyph in glyphs) * 2 > len(glyphs)
    x0, x1 = min(glyph.x0 for glyph in glyphs), max(glyph.x1 for glyph in glyphs)
    return Line(text, x0, x1, item.y0, item.y1, size, bold)


def _core_title(document: Any) -> str:
    from pdfminer.utils import decode_text

    raw = (document.info[-1] if document.info else {}).get("Title", b"")
    title = one_line(decode_text(raw)) if isinstance(raw, bytes) else ""
    return "" if _FILE_NAME.search(title) or title.lower() in {"anonymous", "(anonymous)"} else title
