"""The text layer of a PDF by pdfium: the words of each page with their place, size and weight.

pdfium is not safe to use from several threads of one process; ingestion reads each file in a worker process.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ingest.partition.clean import clip, one_line
from ingest.partition.pdf_direction import reading_order
from ingest.partition.pdf_fields import overlay, placed
from ingest.partition.pdf_page import ABOVE_BASELINE, BELOW_BASELINE, Line, Page, Rectangle, segments, turned
from ingest.partition.pdf_raised import Run, base_of, marked, written
from rag.errors import DocumentError

_BOLD = re.compile(r"bold|black|heavy|semibold|demi", re.IGNORECASE)
_BOLD_WEIGHT = 600
_LINE_END_HYPHEN = 2
_SPACES = frozenset([0, 9, 10, 11, 12, 13, 32, 0xA0, 0xFFFE, 0xFFFF, *range(0x2000, 0x200C), 0x202F, 0x205F, 0x3000])
_AROUND = 80
_DIAGONAL = 4
_QUARTER = math.pi / 2
_ASKEW = math.radians(10)
_FONT_NAME_BYTES = 256
_PROPERTIES = ("Title", "Subject")
_SAME_RUN = 0.1
_STEP = 0.05
# A digit after a letter or before a sign, and the last letter or digit: m²/s, 10⁶/ml, parts³.
_STEPS = re.compile(r"(?<=[^\W\d_])\d|\d(?=[^\d.,]|[.,](?!\d))|[^\W_](?=\W+\Z)")


@dataclass(frozen=True, slots=True)
class TextLayer:
    """The pages of a file, those turned in several directions once for each, and its core properties."""

    pages: tuple[Page, ...]
    count: int
    properties: dict[str, str]
    comments: tuple[tuple[int, str], ...] = ()
    """Notes of readers laid over the pages, each with the number of its page."""
    warnings: tuple[str, ...] = ()


def read_text_layer(path: Path) -> TextLayer:
    """Read every page.

    Raises:
        DocumentError: it is no PDF, damaged, or protected by a password.
    """
    import pypdfium2 as pdfium

    with path.open("rb") as file:
        if b"%PDF-" not in file.read(1024):
            raise DocumentError("it is no PDF: the %PDF- mark is missing")
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if error.err_code == pdfium.raw.FPDF_ERR_PASSWORD:
            raise DocumentError("it is protected by a password; save it without one") from error
        raise DocumentError(f"the PDF is damaged: {one_line(str(error))}") from error
    try:
        if document.get_formtype() != pdfium.raw.FORMTYPE_NONE:
            document.init_forms()
        read = [_pages(document, index) for index in range(len(document))]
        properties = {key: document.get_metadata_value(key) for key in _PROPERTIES}
        pages = tuple(page for found, _ in read for page in found)
        comments = tuple((number, text) for number, (_, texts) in enumerate(read, 1) for text in texts)
        return TextLayer(pages, len(document), properties, comments, tuple(_unread(document)))
    except pdfium.PdfiumError as error:
        raise DocumentError(f"the PDF is damaged: {one_line(str(error))}") from error
    finally:
        document.close()


def _unread(document: Any) -> Iterator[str]:
    """Yield a warning for every part that holds text and is not read."""
    import pypdfium2 as pdfium

    for index in range(document.count_attachments()):
        yield f"the attached file {clip(document.get_attachment(index).get_name())!r} was not ingested"
    if document.get_formtype() == pdfium.raw.FORMTYPE_XFA_FULL:
        yield "it is a form of the XFA kind, whose fields are not read; print it to a PDF first"


def _pages(document: Any, index: int) -> tuple[list[Page], tuple[str, ...]]:
    """Return a page once for each direction of its text, the one with most text first, and its comments."""
    import pypdfium2.raw as pdfium

    page = document[index]
    text_page = page.get_textpage()
    bounds = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(page, bounds)
    view = _View(bounds.left, bounds.top, bounds.right - bounds.left, bounds.top - bounds.bottom, page.get_rotation())
    words: dict[int, list[Line]] = {}
    for turn, word in _Words(text_page, view):
        words.setdefault(turn, []).append(word)
    over = overlay(page, document.formenv)
    if over.fields:
        upright = words.setdefault(view.rotation // 90 % 4, [])
        upright += list(placed([(field.text, view.rectangle(*field.rectangle, 0)) for field in over.fields], upright))
    text_page.close()
    page.close()
    return list(_by_direction(words, index + 1, view)), over.comments


def _by_direction(words: Mapping[int, Sequence[Line]], number: int, view: _View) -> Iterator[Page]:
    width, height = view.shown
    for turn in sorted(words, key=lambda key: (-sum(len(word.text) for word in words[key]), key)):
        frame = (width, height) if turn % 2 == 0 else (height, width)
        yield Page(number, *frame, tuple(segments(marked(words[turn]), reading_order)), turn % _DIAGONAL)


@dataclass(frozen=True, slots=True)
class _View:
    """From a page's own coordinates (upper left corner at `left`, `top`, y upwards) to the page as it is shown."""

    left: float
    top: float
    width: float
    height: float
    rotation: int

    @property
    def shown(self) -> tuple[float, float]:
        return (self.width, self.height) if self.rotation % 180 == 0 else (self.height, self.width)

    def rectangle(self, left: float, bottom: float, right: float, top: float, turn: int) -> Rectangle:
        """Return a rectangle in the frame of text that stands at `turn` quarter turns on the page's own coordinates."""
        own = (left - self.left, self.top - top, right - self.left, self.top - bottom)
        return turned(own, turn, self.width, self.height)


def _text_of(codes: Iterable[int]) -> str:
    return "".join(chr(code) if not 0xD800 <= code < 0xE000 else "\ufffd" for code in codes)


def _differ(a: Rectangle, b: Rectangle) -> bool:
    return abs(a[1] - b[1]) + abs(a[3] - b[3]) > _STEP * (a[3] - a[1])


class _Words:
    """The words of a text page, each with the quarter turns at which it is shown (4: askew)."""

    def __init__(self, text_page: Any, view: _View) -> None:
        import pypdfium2.raw as pdfium

        self._pdfium = pdfium
        self._page = text_page
        self._view = view
        self._count = pdfium.FPDFText_CountChars(text_page)
        self._rect = pdfium.FS_RECTF()
        self._matrix = pdfium.FS_MATRIX()
        self._origin = (ctypes.c_double(), ctypes.c_double())
        self._name = ctypes.create_string_buffer(_FONT_NAME_BYTES)
        self._flags = ctypes.c_int()

    def __iter__(self) -> Iterator[tuple[int, Line]]:
        unicode_of = self._pdfium.FPDFText_GetUnicode
        codes: list[int] = []
        first = 0
        for index in range(self._count):
            code = unicode_of(self._page, index)
            if code in _SPACES:
                if codes:
                    yield self._word(first, index - 1, codes)
                codes = []
                continue
            if not codes:
                first = index
            codes.append(code if code != _LINE_END_HYPHEN else ord("-"))
            if code == _LINE_END_HYPHEN:
                yield self._word(first, index, codes)
                codes = []
        if codes:
            yield self._word(first, first + len(codes) - 1, codes)

    def _word(self, first: int, last: int, codes: list[int]) -> tuple[int, Line]:
        text = _text_of(codes)
        angle = self._pdfium.FPDFText_GetCharAngle(self._page, first)
        askew = abs((angle + math.pi / 4) % _QUARTER - math.pi / 4) > _ASKEW
        own = 0 if askew else round(angle / _QUARTER) % 4
        begin, end = self._box(first, own), self._box(last, own)
        size, baseline = self._size(first), self._baseline(first, own)
        if self._has_steps(text, first, begin, end, own):
            runs = self._runs(first, codes, own)
            text = written(runs, self._line_before(first), self._line_after(last))
            size, baseline = base_of(runs).size, base_of(runs).baseline
        line = Line(
            text,
            min(begin[0], end[0]),
            baseline - ABOVE_BASELINE * size,
            max(begin[2], end[2]),
            baseline + BELOW_BASELINE * size,
            size,
            self._is_bold(first),
        )
        return (_DIAGONAL if askew else (round(angle / _QUARTER) + self._view.rotation // 90) % 4), line

    def _has_steps(self, text: str, first: int, begin: Rectangle, end: Rectangle, turn: int) -> bool:
        """Say whether a character of a word stands higher or lower than its first, or is smaller.

        Few are looked at, for each costs as much as a word: the last, and those where a raised digit often stands.
        """
        if _differ(begin, end):
            return True
        places = (match.start() for match in _STEPS.finditer(text) if match.start() < len(text) - 1)
        return any(_differ(begin, self._box(first + place, turn)) for place in places)

    def _runs(self, first: int, codes: Sequence[int], turn: int) -> list[Run]:
        """Return the parts of a word that differ in size or baseline."""
        runs: list[Run] = []
        for index, code in enumerate(codes, first):
            size, baseline, text = self._size(index), self._baseline(index, turn), _text_of([code])
            if runs and abs(size - runs[-1].size) + abs(baseline - runs[-1].baseline) < _SAME_RUN:
                runs[-1] = replace(runs[-1], text=runs[-1].text + text)
            else:
                runs.append(Run(text, size, baseline))
        return runs

    def _line_before(self, first: int) -> str:
        codes = [self._pdfium.FPDFText_GetUnicode(self._page, i) for i in range(max(0, first - _AROUND), first)]
        return re.split(r"[\r\n]", _text_of(codes))[-1]

    def _line_after(self, last: int) -> str:
        end = min(last + 1 + _AROUND, self._count)
        codes = [self._pdfium.FPDFText_GetUnicode(self._page, i) for i in range(last + 1, end)]
        return re.split(r"[\r\n]", _text_of(codes))[0]

    def _baseline(self, index: int, turn: int) -> float:
        """Return the y of the baseline of a character, in the frame in which it reads."""
        x, y = self._origin
        self._pdfium.FPDFText_GetCharOrigin(self._page, index, x, y)
        return self._view.rectangle(x.value, y.value, x.value, y.value, turn)[1]

    def _box(self, index: int, turn: int) -> Rectangle:
        rect = self._rect
        self._pdfium.FPDFText_GetLooseCharBox(self._page, index, rect)
        return self._view.rectangle(rect.left, rect.bottom, rect.right, rect.top, turn)

    def _size(self, index: int) -> float:
        matrix = self._matrix
        self._pdfium.FPDFText_GetMatrix(self._page, index, matrix)
        return float(self._pdfium.FPDFText_GetFontSize(self._page, index)) * math.hypot(matrix.c, matrix.d) or 1.0

    def _is_bold(self, index: int) -> bool:
        if self._pdfium.FPDFText_GetFontWeight(self._page, index) >= _BOLD_WEIGHT:
            return True
        self._pdfium.FPDFText_GetFontInfo(self._page, index, self._name, _FONT_NAME_BYTES, self._flags)
        return bool(_BOLD.search(self._name.value.decode("latin-1")))
