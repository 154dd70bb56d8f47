"""Mail: the subject as a heading, one line of who wrote when to whom, the body with its quoted replies."""

from __future__ import annotations

import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from ingest.clean import one_line
from ingest.partition.layout import Content, Piece, assemble
from ingest.partition.unstructured_elements import eml_pieces, msg_pieces
from rag.errors import DocumentError

_SHOWN = ("From", "To", "Cc", "Date")


def partition_eml(path: Path) -> Content:
    """Partition an RFC 5322 message; attachments are named in a warning, not ingested."""
    with path.open("rb") as file:
        message = BytesParser(policy=email.policy.default).parse(file)
    if not isinstance(message, EmailMessage) or not message.keys():
        raise DocumentError("it has no mail headers")
    headers = {name: one_line(str(message[name])) for name in _SHOWN if message[name]}
    subject = one_line(str(message["Subject"] or ""))
    text, blocks = assemble(_with_headers(subject, headers, eml_pieces(path)))
    return Content(
        text,
        blocks,
        "message/rfc822",
        title=subject or path.stem,
        explicit_title=True,
        metadata={name.lower(): value for name, value in headers.items()},
        warnings=tuple(_attachments(message)),
    )


def partition_msg(path: Path) -> Content:
    """Partition an Outlook message."""
    from oxmsg import Message

    message = Message.load(str(path))
    headers = {"From": one_line(message.sender or "")} if message.sender else {}
    if message.sent_date:
        headers["Date"] = message.sent_date.isoformat(" ", "minutes")
    subject = one_line(message.subject or "")
    text, blocks = assemble(_with_headers(subject, headers, msg_pieces(path)))
    metadata = {name.lower(): value for name, value in headers.items()}
    return Content(
        text, blocks, "application/vnd.ms-outlook", title=subject or path.stem, explicit_title=True, metadata=metadata
    )


def _with_headers(subject: str, headers: dict[str, str], body: Iterator[Piece]) -> Iterator[Piece]:
    yield Piece("heading", subject, 1)
    yield Piece("paragraph", " | ".join(f"{name}: {value}" for name, value in headers.items()))
    yield from body


def _attachments(message: EmailMessage) -> Iterator[str]:
    for part in message.iter_attachments():
        yield f"the attachment {part.get_filename() or part.get_content_type()!r} was not ingested"
