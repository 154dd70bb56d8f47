from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from ingest.partition.layout import Content
from ingest.partition.mail import html_body, partition_eml, partition_mht, plain_body
from rag.errors import DocumentError


def letter(body: str = "The pump leaks.", subject: str = "Pump") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "ada@example.org", "per@example.org"
    message["Date"] = "Mon, 02 Mar 2026 09:30:00 +0100"
    message.set_content(body)
    return message


def read(folder: Path, message: EmailMessage | bytes) -> Content:
    (folder / "a.eml").write_bytes(message if isinstance(message, bytes) else bytes(message))
    return partition_eml(folder / "a.eml")


def test_the_subject_is_the_heading_and_one_line_says_who_wrote_when(tmp_path: Path) -> None:
    content = read(tmp_path, letter())
    assert content.text.split("\n\n") == [
        "Pump",
        "From: ada@example.org | To: per@example.org | Date: Mon, 02 Mar 2026 09:30:00 +0100",
        "The pump leaks.",
    ]
    assert content.title == "Pump" and content.metadata["date"] == "2026-03-02T09:30:00+01:00"


def test_of_alternatives_the_plain_one_is_read_unless_it_is_a_stub(tmp_path: Path) -> None:
    both = letter("The pump leaks at the left seal since Monday.")
    both.add_alternative("<p>The pump leaks at the left seal since Monday, <b>really</b>.</p>", subtype="html")
    assert "really" not in read(tmp_path, both).text
    stub = letter("Your program cannot show this mail.")
    stub.add_alternative("<p>The pump leaks at the left seal and the oil is on the floor.</p>", subtype="html")
    assert "oil is on the floor" in read(tmp_path, stub).text


def test_an_attached_message_is_a_part_and_another_file_is_named(tmp_path: Path) -> None:
    outer = letter("See below.", "Fwd")
    outer.add_attachment(letter("It was the seal.", "Re: Pump"))
    outer.add_attachment(b"\x00\x01", maintype="application", subtype="zip", filename="logs.zip")
    content = read(tmp_path, outer)
    assert "It was the seal." in content.text and "Re: Pump" in content.text
    assert any("logs.zip" in warning for warning in content.warnings)


def test_what_is_quoted_keeps_its_marks_and_lists_are_lists() -> None:
    pieces = list(plain_body("Yes.\n\n> Is it\n> the seal?\n\n- oil\n- belt\n"))
    assert [(piece.kind, piece.text) for piece in pieces] == [
        ("paragraph", "Yes."),
        ("paragraph", "> Is it the seal?"),
        ("list_item", "oil"),
        ("list_item", "belt"),
    ]


def test_headings_of_an_html_mail_open_no_section() -> None:
    assert "heading" not in {piece.kind for piece in html_body("<h1>SALE</h1><p>The pump.</p>")}


def test_a_saved_page_is_read_as_a_page(tmp_path: Path) -> None:
    saved = EmailMessage()
    saved["Subject"] = "Saved"
    saved.set_content("<html><body><h1>Pump</h1><p>It leaks.</p></body></html>", subtype="html")
    (tmp_path / "a.mht").write_bytes(bytes(saved))
    assert partition_mht(tmp_path / "a.mht").text == "Pump\n\nIt leaks."
    (tmp_path / "b.mht").write_bytes(bytes(letter()))
    with pytest.raises(DocumentError, match="no saved web page"):
        partition_mht(tmp_path / "b.mht")


def test_what_has_no_headers_is_no_mail(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no mail headers"):
        read(tmp_path, b"Just words.\n")
