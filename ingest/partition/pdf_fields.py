"""What stands on a PDF page but not in its text: filled form fields, checked boxes, text boxes and comments."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest.partition.clean import one_line
from ingest.partition.pdf_page import ABOVE_BASELINE, BELOW_BASELINE, Line, Rectangle

_FREE_TEXT = 3
_LINK, _POPUP, _WIDGET = 2, 16, 20
_TICKED = frozenset({2, 3})
_WITH_VALUE = frozenset({4, 5, 6})
_USUAL_SIZE = 10.0
_LABEL_REACH = 250.0
_GAP = 0.3


@dataclass(frozen=True, slots=True)
class Field:
    """The text of a field or text box, with its rectangle (left, bottom, right, top) in the page's own coordinates."""

    text: str
    rectangle: Rectangle


@dataclass(frozen=True, slots=True)
class Overlay:
    """The fields of a page that say something, and the comments of its readers."""

    fields: tuple[Field, ...]
    comments: tuple[str, ...]


def overlay(page: Any, form: Any) -> Overlay:
    """Read the fields and annotations of a page; `form` is pdfium's handle of the file's form, None without one."""
    import pypdfium2.raw as pdfium

    fields: list[Field] = []
    comments: dict[str, None] = {}
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        kind = pdfium.FPDFAnnot_GetSubtype(annotation)
        text = ""
        if kind == _WIDGET and form is not None:
            text = _value(annotation, form)
        elif kind not in {_WIDGET, _LINK, _POPUP}:
            text = _string(annotation, b"Contents")
            comments |= {_comment(text, _string(annotation, b"T")): None} if text and kind != _FREE_TEXT else {}
        if text and kind in {_WIDGET, _FREE_TEXT}:
            rect = pdfium.FS_RECTF()
            pdfium.FPDFAnnot_GetRect(annotation, rect)
            fields.append(Field(text, (rect.left, rect.bottom, rect.right, rect.top)))
        pdfium.FPDFPage_CloseAnnot(annotation)
    return Overlay(tuple(fields), tuple(comments))


def _comment(text: str, author: str) -> str:
    return f"[comment{f' by {author}' if author else ''}: {text}]"


def _value(annotation: Any, form: Any) -> str:
    import pypdfium2.raw as pdfium

    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in _TICKED:
        return "[x]" if pdfium.FPDFAnnot_IsChecked(form, annotation) else "[ ]"
    if kind not in _WITH_VALUE:
        return ""
    size = pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, None, 0)
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size)
    return _text(buffer)


def _string(annotation: Any, key: bytes) -> str:
    import pypdfium2.raw as pdfium

    size = pdfium.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    pdfium.FPDFAnnot_GetStringValue(annotation, key, buffer, size)
    return _text(buffer)


def _text(buffer: Any) -> str:
    return one_line(bytes(buffer).decode("utf-16-le", errors="replace").split("\x00")[0])


def placed(fields: Sequence[tuple[str, Rectangle]], words: Sequence[Line]) -> Iterator[Line]:
    """Yield the texts of fields as words of their page, each right behind its label if that stands on its left.

    A rectangle is (left, top, right, bottom) in the frame of the words.
    """
    for text, (left, top, right, bottom) in fields:
        label = _label(words, left, top, bottom)
        size = label.size if label else min(_USUAL_SIZE, bottom - top)
        baseline = label.baseline if label else min(top + size, bottom - BELOW_BASELINE * size)
        line = Line(text, left, baseline - ABOVE_BASELINE * size, right, baseline + BELOW_BASELINE * size, size, False)
        begins = label.right + _GAP * size if label and label.text.endswith(":") else left
        yield replace(line, left=begins, right=max(begins + 1, right))


def _label(words: Sequence[Line], left: float, top: float, bottom: float) -> Line | None:
    """Return the nearest word on the left of a field, on its line."""
    beside = [
        word
        for word in words
        if left - _LABEL_REACH < word.right < left + 2 and word.top < bottom and word.bottom > top
    ]
    return max(beside, key=lambda word: (word.right, -word.top), default=None)
