"""Bytes become clean text: by their byte order mark, as UTF-8, as they say themselves, or by a guess that is named."""

from __future__ import annotations

import codecs
import re
import unicodedata
from pathlib import Path

from ingest.partition.clean import line_ends
from ingest.partition.latin_pages import latin_page
from rag.errors import DocumentError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 200_000
_BEFORE_BYTES = 1000
_HIGH = re.compile(rb"[\x80-\xff]")
_BINARY = "it holds binary data, not text; convert it or leave it out"
_ODD_SHARE = 0.01
_UTF16_SHARE = 0.25


def read_text(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return a file's clean text and what had to be guessed.

    Raises:
        DocumentError: its bytes are no text in any encoding that can be told.
    """
    return decode(path.read_bytes())


def decode(data: bytes, declared: str = "") -> tuple[str, tuple[str, ...]]:
    """Return bytes as clean text (no byte order mark, LF line ends) and the warnings that name a guessed encoding.

    `declared` is the encoding that the file itself names; it goes before a guess, and after UTF-8 that fits.

    Raises:
        DocumentError: the bytes are no text in any encoding that can be told.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _marked(data, encoding), ()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _guessed(data, declared)
    if "\x00" in text[:_SAMPLE_BYTES]:
        # ASCII in UTF-16 is valid UTF-8 with a NUL beside every letter.
        return _guessed(data, declared)
    if declared and _is_escaped(declared, data):
        return _guessed(data, declared)
    return line_ends(text), ()


def _marked(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"its byte order mark says {encoding}, but its bytes do not fit; save it as UTF-8"
        ) from error
    if encoding != "utf-8":
        # Two bytes are a mark by chance in one of 30,000 files of noise, and nearly all noise is some character.
        _check_text(text)
    return line_ends(text)


def _is_escaped(declared: str, data: bytes) -> bool:
    """Say whether a declared encoding writes other letters in ASCII bytes (ISO-2022-JP, HZ, UTF-7)."""
    return declared.lower().startswith(("iso-2022", "hz", "utf-7")) and (b"\x1b" in data or b"~{" in data)


def _guessed(data: bytes, declared: str) -> tuple[str, tuple[str, ...]]:
    if declared:
        try:
            text = data.decode(declared)
            _check_text(text)
            return line_ends(text), ()
        except (LookupError, UnicodeError):
            pass
    encoding = _utf16(data) or _detected(data)
    try:
        text, replaced = data.decode(encoding), ""
    except UnicodeDecodeError:
        text, replaced = data.decode(encoding, errors="replace"), "; some characters could not be read"
    _check_text(text)
    return line_ends(text), (f"it is not UTF-8: read as {encoding}, which was guessed{replaced}",)


def _utf16(data: bytes) -> str:
    """Return the UTF-16 whose zero bytes stand where letters of Latin scripts have them, or ''."""
    sample = data[: _SAMPLE_BYTES // 2 * 2]
    low, high = sample[1::2].count(0), sample[0::2].count(0)
    if max(low, high) < _UTF16_SHARE * len(sample) / 2 or min(low, high) * 10 > max(low, high) or len(data) % 2:
        return ""
    return "utf-16-le" if low > high else "utf-16-be"


def _detected(data: bytes) -> str:
    if b"\x00" in data[:_SAMPLE_BYTES]:
        raise DocumentError(_BINARY)
    # The first sign that is not ASCII may stand late in the file.
    first = _HIGH.search(data)
    sample = data[max(0, first.start() - _BEFORE_BYTES) :][:_SAMPLE_BYTES] if first else data[:_SAMPLE_BYTES]
    latin = latin_page(sample)
    if latin:
        return latin
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    if best is None:
        raise DocumentError("its characters fit no known encoding; save it as UTF-8")
    return best.encoding


def _check_text(text: str) -> None:
    """Refuse what decodes but is no text: control characters and code points that nobody assigned.

    Raises:
        DocumentError: more than one in a hundred characters is such.
    """
    sample = text[:_SAMPLE_BYTES]
    odd = sum(
        unicodedata.category(character) in {"Cc", "Cn", "Co"} and character not in "\t\n\r\f" for character in sample
    )
    if odd > _ODD_SHARE * len(sample):
        raise DocumentError(_BINARY)
