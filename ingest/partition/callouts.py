"""Boxes beside the text: notes, tips, warnings. Their titles are no headings, because the text goes on behind them.

Without this, all text after a box would stand under "Note".
"""

from __future__ import annotations

import re
from typing import Any

from ingest.partition.clean import one_line

_KIND = "note|tip|warning|caution|important|danger|attention|hint|admonition|callout|alert|notice"
_CLASS = re.compile(
    rf"(?:bs|md|c|doc|docs|theme)?[-_]?(?:{_KIND})(?:[-_]*(?:box|block|info|success|primary|secondary|content|body|{_KIND}))*",
    re.IGNORECASE,
)
_ROLES = frozenset({"note", "alert", "doc-tip", "doc-notice"})
_TAGS = frozenset({"aside", "blockquote"})
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_OUTER = frozenset({"body", "main", "article", "section"})

CALLOUTS = frozenset(
    """note tip warning caution important danger attention hint admonition notice remark hazardstatement example
    informalexample sidebar figure formalpara blockquote""".split()
)
"""Elements of XML documents whose titles are no headings."""


def is_callout_title(heading: Any) -> bool:
    """Say whether a heading of a page is the title of the box around it: the only one in it, and its first words."""
    if heading.tag == "h1":
        return False
    for above in heading.iterancestors():
        if above.tag in _OUTER:
            return False
        if _is_callout(above):
            return _leads(heading, above)
    return False


def _is_callout(element: Any) -> bool:
    if element.tag in _TAGS or element.get("role") in _ROLES:
        return True
    return any(_CLASS.fullmatch(name) for name in (element.get("class") or "").split())


def _leads(heading: Any, box: Any) -> bool:
    if sum(1 for _ in box.iter(*_HEADINGS)) > 1:
        return False
    words = one_line("".join(heading.itertext()))
    return one_line("".join(box.itertext())).startswith(words)
