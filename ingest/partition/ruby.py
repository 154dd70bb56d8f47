"""Ruby: small readings beside the characters that they belong to. The word stays whole, its reading follows it.

`東京` with a reading on each character becomes `東京(とうきょう)`: a search for 東京 finds it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.partition.clean import one_line

_FIRST_EAST_ASIAN = "\u2e80"


def reading(base: str, parts: Sequence[str]) -> str:
    """Return what goes behind annotated text that ends with `base`: its readings in parentheses.

    >>> reading("東京", ["とう", "きょう"]), reading("WHO", ["World Health", "Organization"])
    ('(とうきょう)', ' (World Health Organization)')
    """
    words = [part for part in map(one_line, parts) if part]
    if not words:
        return ""
    is_east_asian = all(word[0] >= _FIRST_EAST_ASIAN for word in words)
    gap = "" if base[-1:] >= _FIRST_EAST_ASIAN else " "
    return f"{gap}({('' if is_east_asian else ' ').join(words)})"
