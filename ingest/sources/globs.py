"""Globs on the names of a source's documents, as `--include` and `--exclude` take them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache


def matches(name: str, globs: Sequence[str]) -> bool:
    """Say whether one of the globs fits a name or a folder above it.

    `*` and `?` stay within a folder, `**` does not. A glob without a slash fits at any depth: `*.md`, `drafts`.

    >>> matches("a/b/c.md", ["*.md"]), matches("a/b/c.md", ["b"]), matches("a/b/c.md", ["*/c.md"])
    (True, True, False)
    """
    return any(_pattern(glob).fullmatch(part) for glob in globs for part in _with_folders(name))


def fits(name: str, glob: str) -> bool:
    """Say whether a glob fits this very name; a folder above it does not count."""
    return bool(_pattern(glob).fullmatch(name))


def _with_folders(name: str) -> Iterator[str]:
    parts = name.rstrip("/").split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts) + 1))


@lru_cache(256)
def _pattern(glob: str) -> re.Pattern[str]:
    plain = glob.removeprefix("./").rstrip("/")
    deep = "" if "/" in plain else "(?:.*/)?"
    try:
        return re.compile(deep + "".join(_translated(plain.lstrip("/"))), re.DOTALL)
    except re.error:  # a range that runs backwards, as in [z-a]: then the signs stand for themselves
        return re.compile(deep + re.escape(plain.lstrip("/")), re.DOTALL)


def _translated(glob: str) -> Iterator[str]:
    place = 0
    while place < len(glob):
        rest = glob[place:]
        if rest.startswith("**/"):
            token, size = "(?:.*/)?", 3
        elif rest.startswith("**"):
            token, size = ".*", 2
        elif rest[0] in "*?":
            token, size = {"*": "[^/]*", "?": "[^/]"}[rest[0]], 1
        else:
            token, size = _character(rest)
        yield token
        place += size


def _character(rest: str) -> tuple[str, int]:
    """Return the expression of a set `[a-z]`, `[!a]`, or of one character, and its length in the glob."""
    found = re.match(r"\[(!?)(\]?[^\]]*)\]", rest)
    if not found:
        return re.escape(rest[0]), 1
    inner = re.sub(r"[&~|^\[\]\\]", r"\\\g<0>", found[2])
    return f"(?!/)[{'^' if found[1] else ''}{inner}]", found.end()
