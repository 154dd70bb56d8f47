"""Reading order of words on a line with right-to-left text; pure, after the main case of the Unicode bidi algorithm."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from ingest.partition.pdf_page import Line

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LETTER = re.compile(r"[^\W\d_]")


def reading_order(words: Sequence[Line]) -> list[Line]:
    """Return words that stand from left to right on a line in the order in which they are read.

    A line whose words are mostly right-to-left is read from the right, words of other scripts in it from the left; in
    any other line only the right-to-left words that stand together change places.
    """
    turned = [_RIGHT_TO_LEFT.search(word.text) is not None for word in words]
    if not any(turned):
        return list(words)
    lettered = sum(_LETTER.search(word.text) is not None for word in words)
    from_right = (sum(turned) * 2, turned[-1]) > (lettered, False)
    runs = [[word for word, _ in run] for _, run in groupby(zip(words, turned, strict=True), key=lambda item: item[1])]
    flags = [flag for flag, _ in groupby(turned)]
    ordered = [
        run[::-1] if flag or (from_right and not _is_lettered(run)) else run
        for run, flag in zip(runs, flags, strict=True)
    ]
    return [word for run in (ordered[::-1] if from_right else ordered) for word in run]


def _is_lettered(words: Sequence[Line]) -> bool:
    """Say whether words that are not right-to-left have letters; mere numbers follow the direction of the line."""
    return any(_LETTER.search(word.text) for word in words)
