"""Addresses of links in the text: "the refund form (https://forms.example.org/refund-R7)".

A link within the same document or site leads nowhere from a chunk, so only full addresses are written.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from ingest.partition.clean import one_line

_WEB = re.compile(r"(?:https?|ftps?)://[^\s<>]+", re.IGNORECASE)
_DIRECT = re.compile(r"(?:mailto|tel|sms|fax|sip|xmpp|callto):(?://)?([^?\s]+)", re.IGNORECASE)
_SCHEME = re.compile(r"^\w+://(?:www\.)?", re.IGNORECASE)


def address(href: str) -> str:
    """Return the address that a reader needs to go where a link goes, or '' for a link within the site."""
    target = one_line(href)
    direct = _DIRECT.fullmatch(target.partition("?")[0])
    if direct:
        return unquote(direct.group(1))
    return target if _WEB.fullmatch(target) else ""


def address_behind(text: str, href: str) -> str:
    """Return what goes behind the words of a link: ` (address)`, or '' where the words say it already.

    >>> address_behind("the desk", "mailto:desk@example.org"), address_behind("example.org", "https://example.org/")
    (' (desk@example.org)', '')
    """
    found = address(href)
    if not found or not one_line(text) or _bare(found) in _bare(text):
        return ""
    return f" ({found})"


def _bare(text: str) -> str:
    """Return an address as people write it: without scheme, blanks and the marks between the digits of a number."""
    return re.sub(r"[\s().-]", "", _SCHEME.sub("", one_line(text).lower())).rstrip("/")
