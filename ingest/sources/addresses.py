"""Addresses of the web in one spelling, and the document id that a page gets from its own; pure."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit, urlunsplit

_PORTS = {"http": 80, "https": 443}


def plain_url(url: str) -> str:
    """Return the address without fragment, default port and upper case in the host; "" if it is none of the web."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return ""
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port in {None, _PORTS[scheme]} else f"{host}:{port}"
    return urlunsplit((scheme, netloc, parts.path or "/", parts.query, ""))


def page_id(url: str) -> str:
    """Return the doc_id of a page: host, path and query, percent signs decoded where that can be undone."""
    parts = urlsplit(url)
    path = unquote(parts.path, errors="replace")
    if quote(path, safe="/:@!$&'()*+,;=~") != quote(parts.path, safe="/:@!$&'()*+,;=~%"):
        path = parts.path
    return parts.netloc + path + (f"?{parts.query}" if parts.query else "")
