"""Finds text that nobody reads in a document: base64, minified code. It fills chunks and answers no question."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rag.types import Document

_WORD = re.compile(r"[A-Za-z0-9+/_=-]{200,}")
_LINE = re.compile(r"[A-Za-z0-9+/]{56,200}={0,2}")
_LINES = 4
_LONG_LINE = 1000
_KINDS = 20
_CODE_SIGNS = frozenset("{}()[];:,=<>!&|.\"'")


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch `[start, end)` of the clean text; `kind` is `base64` or `minified`."""

    kind: str
    start: int
    end: int


def with_encoded_named(document: Document) -> Document:
    """Return the document with a warning that names its encoded blocks, if it has any."""
    found = list(encoded_blocks(document.text))
    if not found:
        return document
    kinds = " and ".join(sorted({block.kind for block in found}))
    first = found[0]
    line = document.text.count("\n", 0, first.start) + 1
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    size = sum(block.end - block.start for block in found)
    warning = (
        f"{size} characters look like {kinds} data (from line {line}{more}): they are chunks that answer nothing;"
        " cut them out, or leave the file out with --exclude"
    )
    return replace(document, warnings=(*document.warnings, warning))


def encoded_blocks(text: str) -> Iterator[Block]:
    """Yield the blocks in the order of the text."""
    run: list[tuple[int, int]] = []
    start = 0
    for line in text.split("\n"):
        if _is_base64(line, _LINE):
            run.append((start, start + len(line)))
        else:
            yield from _wrapped(run)
            run = []
            yield from _in_line(line, start)
        start += len(line) + 1
    yield from _wrapped(run)


def _wrapped(run: list[tuple[int, int]]) -> Iterator[Block]:
    """Yield lines of base64 that follow one another, as mail and certificates wrap them."""
    if len(run) >= _LINES:
        yield Block("base64", run[0][0], run[-1][1])


def _in_line(line: str, start: int) -> Iterator[Block]:
    if len(line) < 200:  # shorter than any block
        return
    words = [match.span() for match in _WORD.finditer(line) if _is_base64(match[0], _WORD)]
    yield from (Block("base64", start + low, start + high) for low, high in words)
    if not words and len(line) >= _LONG_LINE and _is_minified(line):
        yield Block("minified", start, start + len(line))


def _is_base64(word: str, shape: re.Pattern[str]) -> bool:
    """Say whether a word is of base64's letters, and as mixed as encoded bytes are: a rule of dashes is not."""
    if not shape.fullmatch(word):
        return False
    used = Counter(word)
    mixed = any(c.isdigit() for c in used) and any(c.islower() for c in used) and any(c.isupper() for c in used)
    return mixed and len(used) >= _KINDS


def _is_minified(line: str) -> bool:
    """Say whether a line is code without its white space: few spaces, many signs, and no other script's letters."""
    used = Counter(line)
    signs = sum(used[sign] for sign in _CODE_SIGNS)
    letters = sum(count for char, count in used.items() if char.isascii() and char.isalnum())
    return used[" "] < 0.08 * len(line) and signs > 0.12 * len(line) and letters > 0.3 * len(line)
