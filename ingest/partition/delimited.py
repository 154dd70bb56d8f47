"""Delimited tables: csv and tsv, read as they were meant, for no two programs write them alike.

A quote is a mark only where it opens a field and one that closes it stands before a separator or a line's end. Any
other quote, and every apostrophe, is a character.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from ingest.partition.encodings import read_text
from ingest.partition.layout import Content, assemble
from ingest.partition.sheets import sheet_pieces

_SEPARATORS = ",;\t|"
_SAMPLE_ROWS = 300
# What spreadsheet programs are told in the first line: `sep=;`, in quotes or followed by empty cells.
_INSTRUCTION = re.compile(r'"?sep=(.)"?[,;\t|]*(?:\n|\Z)', re.IGNORECASE)


def partition_csv(path: Path) -> Content:
    """Partition a csv or tsv file, whichever of comma, semicolon, tab and bar separates it."""
    text, warnings = read_text(path)
    lines = text if "\n" in text else text.replace("\r", "\n")
    tabs = path.suffix.lower() == ".tsv"
    told = _INSTRUCTION.match(lines)
    lines = lines[told.end() :] if told else lines
    separator = "\t" if tabs and "\t" in lines else _separator(lines)
    separator = told.group(1) if told and told.group(1) in lines else separator
    clean, blocks = assemble(sheet_pieces(records(lines, separator)))
    media_type = "text/tab-separated-values" if tabs else "text/csv"
    return Content(clean, blocks, media_type, title=path.stem, explicit_title=True, warnings=warnings)


def records(text: str, separator: str) -> Iterator[list[str]]:
    """Yield the rows of a delimited text; blank lines are rows of one empty cell."""
    position, width = 0, 0
    while position < len(text):
        stop = text.find("\n", position)
        stop = len(text) if stop < 0 else stop
        cells, end = _record(text, position, stop, separator)
        if end > stop and width and len(cells) != width:
            # A quote that closes lines further down may be two that stand for themselves: inches in two rows.
            plain, _ = _record(text[position:stop], 0, stop - position, separator)
            cells, end = (plain, stop) if len(plain) == width else (cells, end)
        width = max(width, len(cells))
        yield cells
        position = end + 1


def _record(text: str, start: int, stop: int, separator: str) -> tuple[list[str], int]:
    """Return the cells of the row at `start`, and where it ends: at `stop`, or behind a quoted cell of more lines."""
    if '"' not in text[start:stop]:
        return text[start:stop].split(separator), stop
    quoted, plain = _patterns(separator)
    cells: list[str] = []
    while True:
        match = quoted.match(text, start)
        if match:
            cells.append(match.group(1).replace('""', '"'))
        else:
            match = plain.match(text, start)
            assert match is not None  # it matches nothing as well
            cells.append(match.group())
        start = match.end()
        if not text.startswith(separator, start):
            return cells, start
        start += 1


@lru_cache
def _patterns(separator: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    mark = re.escape(separator)
    blanks = "" if separator == "\t" else r"[ \t]*"
    # A tab inside quotes of a tab-separated file is more likely the next column of a cell that begins with a quote.
    inside = r'[^"\t\n]++' if separator == "\t" else r'[^"]++'
    broken = r"|\n[^\t\n\"]*+" if separator == "\t" else ""
    quoted = re.compile(rf'{blanks}"((?:{inside}|""{broken})*+)"{blanks}(?={mark}|\n|\Z)')
    return quoted, re.compile(rf"[^{mark}\n]*")


def _separator(text: str) -> str:
    """Return the separator that parts the most rows into the same number of cells."""

    def fit(separator: str) -> tuple[float, int]:
        counts = Counter(map(len, islice(records(text, separator), _SAMPLE_ROWS)))
        width, rows = max(((w, n) for w, n in counts.items() if w > 1), key=lambda item: item[1], default=(0, 0))
        return rows / (counts.total() or 1), width

    return max(_SEPARATORS, key=fit)
