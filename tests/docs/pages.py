"""Reads the pages of the documentation: which there are, their blocks and their pieces of code."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
DOCS = REPOSITORY / "docs"
PAGES = ["README.md", *sorted(str(path.relative_to(REPOSITORY)) for path in DOCS.rglob("*.md"))]
"""Everything that a user reads; CHANGELOG and CONTRIBUTING are for those who change it."""
PACKAGES = ["rag", "ingest", "eval", "api"]


def page(name: str) -> str:
    """Return a page by its path in the repository."""
    return (REPOSITORY / name).read_text(encoding="utf-8")


def fenced(text: str) -> list[tuple[str, str]]:
    """Return language and body of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def blocks(name: str, language: str) -> list[str]:
    """Return the bodies of a page's blocks in one language."""
    return [body for kind, body in fenced(page(name)) if kind == language]


def code(text: str) -> list[str]:
    """Return every piece of code: fenced and indented lines, and what stands in backticks."""
    lines = [line for _, body in fenced(text) for line in body.splitlines()]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    (\S.*)$", prose, re.MULTILINE)
    return [*lines, *indented, *re.findall(r"`([^`\n]+)`", prose)]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
