"""PDF files: the text layer by pdfium with layout recovered from it, or unstructured's layout model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ingest.partition.clean import one_line
from ingest.partition.layout import Content, Piece, assemble
from ingest.partition.pdf_layout import pieces
from ingest.partition.pdf_text import read_text_layer
from rag.errors import DocumentError
from rag.types import Block

_MEDIA_TYPE = "application/pdf"
_FILE_NAME = re.compile(r"\.(?:docx?|pdf|tex|dvi|indd|pptx?|xlsx?|html?)\s*\Z|^(?:microsoft word|untitled)", re.I)
_WORD = re.compile(r"[^\W\d_]{2,}")
_DIGITS = re.compile(r"\d+")
_SUBJECT_WORDS = 3
_SCANNED = "no page holds text (a scan?); run OCR on it first, or set ingest.partition.pdf_strategy to hi_res"


def partition_pdf(path: Path) -> Content:
    """Partition the text layer of a PDF.

    Running headers and footers stand behind the text, as blocks of kind `margin` that no chunk is made of.

    Raises:
        DocumentError: it is encrypted, damaged, or a scan without a text layer.
    """
    layer = read_text_layer(path)
    text, blocks = assemble(_with_comments(pieces(layer.pages), layer.comments))
    if not layer.pages or not text:
        raise DocumentError(_SCANNED)
    empty = layer.count - len({page.number for page in layer.pages})
    warnings = [f"{empty} of {layer.count} pages hold no text"] if empty else []
    warnings += layer.warnings
    title, explicit = _title(layer.properties, blocks)
    if not title and _names_a_part(blocks):
        title, explicit = path.stem, True
    return Content(text, blocks, _MEDIA_TYPE, title, explicit, {"pages": str(layer.count)}, tuple(warnings))


def partition_pdf_hi_res(path: Path) -> Content:
    """Partition a PDF by unstructured's layout model, whose weights must be at hand."""
    from ingest.partition.unstructured_elements import pdf_pieces

    text, blocks = assemble(pdf_pieces(path))
    return Content(text, blocks, _MEDIA_TYPE)


def _with_comments(read: Iterable[Piece], comments: Sequence[tuple[int, str]]) -> Iterator[Piece]:
    """Yield the pieces, with the comments of a page behind the last of its own."""
    waiting = list(comments)
    for piece in read:
        while waiting and (piece.kind == "margin" or (piece.page or 0) > waiting[0][0]):
            page, text = waiting.pop(0)
            yield Piece("paragraph", text, page=page)
        yield piece
    yield from (Piece("paragraph", text, page=page) for page, text in waiting)


def _title(properties: Mapping[str, str], blocks: tuple[Block, ...]) -> tuple[str, bool]:
    """Return the title that the properties give, and whether it goes before the first heading.

    Where the title is a mere number (as filing systems set it) but there is a subject, the two that name the document
    are its largest heading that says something else, and that subject.
    """
    title, subject = one_line(properties.get("Title", "")), one_line(properties.get("Subject", ""))
    if title and not _WORD.search(title) and len(_WORD.findall(subject)) >= _SUBJECT_WORDS:
        largest = (block.headings[-1] for block in blocks if block.kind == "heading" and block.level == 1)
        new = next((name for name in largest if name.casefold() not in subject.casefold()), "")
        return ": ".join(part for part in (new, subject) if part), True
    useless = _FILE_NAME.search(title) or title.lower() in {"anonymous", "(anonymous)"}
    return ("" if useless else title), False


def _names_a_part(blocks: tuple[Block, ...]) -> bool:
    """Say whether the first top heading is one of several alike ("Invoice 7101", "Article 1"), so no title of all."""
    tops = [block.headings[-1] for block in blocks if block.kind == "heading" and block.level == 1]
    patterns = {_DIGITS.sub("#", top) for top in tops if top != tops[0]}
    return bool(tops) and _DIGITS.sub("#", tops[0]) in patterns
