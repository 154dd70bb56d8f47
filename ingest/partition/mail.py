"""Mail: the subject as a heading, one line of who wrote when to whom, the body with its quoted replies."""

from __future__ import annotations

import email.errors
import email.policy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from ingest.partition.clean import clip, line_ends, one_line
from ingest.partition.encodings import decode
from ingest.partition.grids import Item, list_pieces
from ingest.partition.layout import Content, Piece, assemble, pieces_of
from ingest.partition.web import decode_html, html_pieces, page_content
from rag.errors import DocumentError

_SHOWN = ("From", "To", "Cc", "Date")
_KNOWN = frozenset("from to cc date subject message-id received mime-version content-type".split())
_QUOTE = re.compile(r"(?:>[ \t]?)+")
_BULLET = re.compile(r"([ \t]*)([-*+•]|\d{1,3}[.)])[ \t]+(?=\S)")
_MAX_NESTED = 10
_HEAD_BYTES = 4096
# Numbers of properties in [MS-OXPROPS].
_HTML_PROPERTY, _RTF_PROPERTY, _NAME_PROPERTY = 0x1013, 0x1009, 0x3001
_INDENT = 2
_SAME_SHARE = 0.5


def partition_eml(path: Path) -> Content:
    """Partition an RFC 5322 message; attached messages are part of it, other attachments are named in a warning.

    Raises:
        DocumentError: it has no mail headers.
    """
    message = _parsed(path)
    if not isinstance(message, MIMEPart) or not _KNOWN & {name.lower() for name in message.keys()}:
        raise DocumentError("it has no mail headers")
    warnings: list[str] = []
    text, blocks = assemble(_message(message, 1, warnings))
    return Content(
        text,
        blocks,
        "message/rfc822",
        title=_header(message, "Subject") or path.stem,
        explicit_title=True,
        metadata={name.lower(): value for name, value in (_headers(message) | _date(message)).items()},
        warnings=tuple(warnings),
    )


def partition_mht(path: Path) -> Content:
    """Partition a web page that was saved with its pictures as one file (mht, mhtml, Word's .doc of this kind).

    Raises:
        DocumentError: it holds no HTML page.
    """
    message = _parsed(path)
    pages = [part for part in message.walk() if part.get_content_type() in {"text/html", "application/xhtml+xml"}]
    if not pages:
        raise DocumentError("it is no saved web page: no part of it is HTML; save the page as .html")
    html, warnings = _decoded(pages[0])
    content = page_content(html, warnings)
    # Frames, and the files that Word puts beside its page: headers and footers among them.
    rest = (piece for page in pages[1:] for piece in html_pieces(_decoded(page)[0]))
    known = content.text
    more = [piece for piece in rest if piece.text not in known]
    text, blocks = assemble([*pieces_of(content), *more])
    return replace(content, text=text, blocks=blocks)


def _parsed(path: Path) -> EmailMessage:
    data = path.read_bytes()
    if b"\r\r\n" in data[:_HEAD_BYTES]:
        data = data.replace(b"\r\r\n", b"\n")
    message = BytesParser(policy=email.policy.default).parsebytes(data)
    return message


def _decoded(part: Any) -> tuple[str, tuple[str, ...]]:
    data = part.get_payload(decode=True)
    charset = part.get_content_charset("")
    return decode(data, charset) if charset else decode_html(data)


def _date(message: MIMEPart) -> dict[str, str]:
    """Return the date as ISO 8601, so that filters can compare it; one that is no date stays as it is written."""
    try:
        moment = parsedate_to_datetime(_header(message, "Date"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return {}
    return {"Date": moment.isoformat()}


def _header(message: MIMEPart, name: str) -> str:
    try:
        return one_line(str(message[name] or ""))
    except (ValueError, TypeError, IndexError, AttributeError, email.errors.MessageError):
        # The standard parser fails on some malformed headers; their raw text is still there.
        raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
        return one_line(str(raw))


def _headers(message: MIMEPart) -> dict[str, str]:
    return {name: value for name in _SHOWN if (value := _header(message, name))}


def _message(message: MIMEPart, level: int, warnings: list[str]) -> Iterator[Piece]:
    yield from _head(_header(message, "Subject"), _headers(message), level)
    yield from _parts(message, level, warnings)


def _head(subject: str, headers: Mapping[str, str], level: int) -> Iterator[Piece]:
    yield Piece("heading", subject, min(6, level))
    yield Piece("paragraph", " | ".join(f"{name}: {value}" for name, value in headers.items()))


def _parts(message: MIMEPart, level: int, warnings: list[str]) -> Iterator[Piece]:
    """Yield the text of a message: of alternatives the plain one, unless it is empty."""
    kind = message.get_content_type()
    if kind == "message/rfc822":
        yield from _attached(message, level, warnings)
    elif message.get_content_disposition() == "attachment" or not _is_text(message):
        if not message.is_multipart():
            name = message.get_filename() or kind
            warnings.append(f"the attachment {clip(name)!r} was not ingested")
        elif kind == "multipart/alternative":
            yield from _alternative(message, level, warnings)
        else:
            for part in message.iter_parts():
                yield from _parts(part, level, warnings)
    else:
        yield from _body(message, warnings)


def _is_text(message: MIMEPart) -> bool:
    return not message.is_multipart() and message.get_content_type() in {"text/plain", "text/html"}


def _attached(message: MIMEPart, level: int, warnings: list[str]) -> Iterator[Piece]:
    inner = next(iter(message.iter_parts()), None)
    if not isinstance(inner, MIMEPart) or level >= _MAX_NESTED:
        warnings.append("an attached message was not ingested: it is damaged or nested too deeply")
        return
    yield from _message(inner, level + 1, warnings)


def _alternative(message: MIMEPart, level: int, warnings: list[str]) -> Iterator[Piece]:
    """Yield the plain one of two bodies, unless it is a stub that only says that there is another."""
    best: list[Piece] = []
    kept: list[str] = []
    for part in sorted(message.iter_parts(), key=lambda part: part.get_content_type() != "text/plain"):
        found: list[str] = []
        pieces = list(_parts(part, level, found))
        if not pieces:
            warnings += found
        elif _is_stub(best, pieces):
            best, kept = pieces, found
    warnings += kept
    yield from best


def _is_stub(pieces: Sequence[Piece], others: Sequence[Piece]) -> bool:
    """Say whether a body lacks most words of another one, as "Your program cannot show this mail" does."""
    words, wanted = _vocabulary(pieces), _vocabulary(others)
    return not words or (len(words) < len(wanted) and len(words & wanted) < _SAME_SHARE * len(wanted))


def _vocabulary(pieces: Sequence[Piece]) -> set[str]:
    return {word for piece in pieces for word in re.findall(r"\w{2,}", piece.text.lower())}


def _body(part: MIMEPart, warnings: list[str]) -> Iterator[Piece]:
    data = part.get_payload(decode=True)
    text, guessed = decode(data if isinstance(data, bytes) else b"", part.get_content_charset("") or "")
    warnings += guessed
    yield from html_body(text) if part.get_content_type() == "text/html" else plain_body(text)


def html_body(html: str) -> Iterator[Piece]:
    """Yield the pieces of an HTML body; mails use headings for looks, so they open no section."""
    for piece in html_pieces(html):
        yield Piece("paragraph", piece.text) if piece.kind == "heading" else piece


def plain_body(text: str) -> Iterator[Piece]:
    """Yield the paragraphs and lists of a plain body; what is quoted keeps its marks before each paragraph."""
    lines: list[str] = []
    quote = ""
    for line in (*text.split("\n"), ""):
        match = _QUOTE.match(line)
        mark = ">" * (match.group().count(">") if match else 0)
        rest = line[match.end() :] if match else line
        if lines and (mark != quote or not rest.strip()):
            yield from _paragraph(lines, quote)
            lines = []
        quote = mark
        if rest.strip():
            lines.append(rest)


def _paragraph(lines: list[str], quote: str) -> Iterator[Piece]:
    """Yield one run of lines: prose until the first bullet, a list from there on."""
    first = next((at for at, line in enumerate(lines) if _BULLET.match(line)), len(lines))
    prose = one_line(" ".join(lines[:first]))
    if prose:
        yield Piece("paragraph", f"{quote} {prose}".strip())
    items: list[Item] = []
    for line in lines[first:]:
        match = _BULLET.match(line)
        if match:
            depth = len(match.group(1).expandtabs(4)) // _INDENT if items else 0
            marker = "-" if match.group(2) in "-*+•" else match.group(2)
            items.append(Item(min(depth, 8), marker, f"{quote} {line[match.end() :]}".strip()))
        elif items:
            items[-1] = Item(items[-1].depth, items[-1].marker, f"{items[-1].text} {line}")
    yield from list_pieces(items)


def partition_msg(path: Path) -> Content:
    """Partition an Outlook message; attachments are named in a warning.

    Raises:
        DocumentError: it is no Outlook message.
    """
    from oxmsg import Message

    try:
        message = Message.load(str(path))
    except (ValueError, KeyError, OSError) as error:
        raise DocumentError(f"it is no Outlook message: {one_line(str(error))}") from error
    headers = _msg_headers(message)
    subject = one_line(message.subject or "")
    warnings = [f"the attachment {clip(_file_name(a))!r} was not ingested" for a in message.attachments]
    body = list(_msg_body(message, warnings))
    text, blocks = assemble([*_head(subject, headers, 1), *body])
    return Content(
        text,
        blocks,
        "application/vnd.ms-outlook",
        title=subject or path.stem,
        explicit_title=True,
        metadata={name.lower(): value for name, value in headers.items()},
        warnings=tuple(warnings),
    )


def _msg_body(message: Any, warnings: list[str]) -> Iterator[Piece]:
    """Yield the plain body, else the HTML one; Outlook may also store a body as RTF alone, which is not read."""
    plain = list(plain_body(line_ends(message.body or "")))
    data = message.properties.binary_prop_value(_HTML_PROPERTY)
    html, guessed = decode_html(data) if data else (message.html_body or "", ())
    rich = list(html_body(html)) if html.strip() else []
    if rich and _is_stub(plain, rich):
        warnings += guessed
        yield from rich
    else:
        yield from plain
    if not plain and not rich and message.properties.binary_prop_value(_RTF_PROPERTY):
        warnings.append("its body is stored as RTF alone and was not read; save the message as .eml")


def _file_name(attachment: Any) -> str:
    name = attachment.file_name or attachment.properties.str_prop_value(_NAME_PROPERTY)
    return name or "without a name"


def _msg_headers(message: Any) -> dict[str, str]:
    recipients = ", ".join(one_line(f"{r.name} <{r.email_address}>") for r in message.recipients)
    date = message.sent_date.isoformat(" ", "minutes") if message.sent_date else ""
    found = {"From": one_line(message.sender or ""), "To": recipients, "Date": date}
    return {name: value for name, value in found.items() if value}
