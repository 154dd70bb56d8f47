"""Files that are something else inside than their names say: the first bytes decide.

Programs write HTML, RTF and tab-separated text under the names of Office, and people rename what they cannot open.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from ingest.partition.layout import Content
from ingest.partition.packages import BROKEN_ZIP, OLE_SIGNATURE
from rag.errors import DocumentError

_SNIFFED_BYTES = 8192
_MARKUP = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|table|meta|div)\b",
    re.IGNORECASE | re.DOTALL,
)
_MIME = re.compile(rb"(?:\S[^\n:]*:[^\n]*\n(?:[ \t][^\n]*\n)*)*?(?:mime-version|content-type):", re.IGNORECASE)
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

LOCK = "~$"
OFFICE = frozenset(
    """.doc .dot .xls .xlt .ppt .pps .pot .docx .docm .dotx .dotm .xlsx .xlsm .xltx .xltm .pptx .pptm .potx .potm .ppsx
    .ppsm""".split()
)
_PACKAGES = {
    "word/document.xml": "docx:partition_docx",
    "xl/workbook.xml": "xlsx:partition_xlsx",
    "ppt/presentation.xml": "pptx:partition_pptx",
    "META-INF/container.xml": "epub:partition_epub",
}
_SAVE_AS = {
    **dict.fromkeys((".doc", ".dot", ".pages"), ".docx"),
    **dict.fromkeys((".xls", ".xlt", ".xlsb", ".ods", ".ots", ".numbers"), ".xlsx"),
    **dict.fromkeys((".ppt", ".pps", ".pot", ".odp", ".otp", ".key"), ".pptx"),
}
_TEXTS = frozenset(".csv .tsv .txt .text .log .md .markdown .rst .rtf .json".split())


def reader_of(path: Path, usual: str) -> str:
    """Return the `module:function` that reads a file: the usual one of its extension, unless its bytes say another.

    Raises:
        DocumentError: it is a lock file.
    """
    suffix = path.suffix.lower()
    if path.name.startswith(LOCK):
        raise DocumentError("it is the lock file that Office keeps while a document is open; leave it out")
    with path.open("rb") as file:
        head = file.read(_SNIFFED_BYTES)
    if head.lstrip().startswith(b"{\\rtf"):
        return "rtf:partition_rtf"
    if suffix in OFFICE | _TEXTS:
        return _inside(path, suffix, head) or usual
    if suffix in {".html", ".htm"} and _is_archive(head):
        return "mail:partition_mht"
    return usual


def _inside(path: Path, suffix: str, head: bytes) -> str:
    """Return the reader of what a file of an office or text name is, "" where its bytes say nothing else."""
    if head.startswith(b"%PDF-"):
        return "pdf:partition_pdf"
    if head.startswith(b"PK\x03\x04"):
        return _package(path)
    text = _as_text(head)
    if suffix not in OFFICE or b"\x00" in text or head.startswith(OLE_SIGNATURE):
        return ""
    if _is_archive(text):
        return "mail:partition_mht"
    if _MARKUP.match(text):
        return "web:partition_html"
    if text.lstrip().startswith(b"<?xml"):
        return "xml_tree:partition_xml"
    return {".xls": "delimited:partition_csv", ".doc": "plain:partition_text"}.get(suffix, "")


def _is_archive(head: bytes) -> bool:
    return bool(_MIME.match(head)) and b"multipart/" in head.lower()


def _as_text(head: bytes) -> bytes:
    if head.startswith(_MARKS[1:]):
        return head.decode("utf-16", errors="ignore").encode()
    return head.removeprefix(_MARKS[0])


def _package(path: Path) -> str:
    """Return the reader of a zip package, by its main part; "" where there is none that is known."""
    try:
        with zipfile.ZipFile(path) as package:
            names = {name.replace("\\", "/") for name in package.namelist()}
            kind = package.read("mimetype")[:100] if "mimetype" in names else b""
    except BROKEN_ZIP:
        return ""
    if kind.startswith(b"application/vnd.oasis.opendocument.text"):
        return "odt:partition_odt"
    return next((reader for part, reader in _PACKAGES.items() if part in names), "")


def is_other_text(path: Path) -> bool:
    """Say whether a file with an extension of Office that is not read is plain text of another program."""
    if path.suffix.lower() not in _SAVE_AS:
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_SNIFFED_BYTES)
        usual = {".xls": "delimited:partition_csv", ".doc": "plain:partition_text"}.get(path.suffix.lower(), "")
        is_text = bool(head.strip()) and b"\x00" not in head and not head.startswith((OLE_SIGNATURE, b"PK\x03\x04"))
        return is_text and not usual and not reader_of(path, "")
    except (OSError, DocumentError):
        return False  # whoever reads it names the reason


def refuse(path: Path) -> Content:
    """Refuse a format of office programs that is not read; text of another program is read as it is.

    Raises:
        DocumentError: it is of such a format; says what to save the file as.
    """
    suffix = path.suffix.lower()
    if is_other_text(path):
        from ingest.partition.plain import partition_text

        return partition_text(path)
    with path.open("rb") as file:
        is_old = file.read(len(OLE_SIGNATURE)) == OLE_SIGNATURE
    kind = "it is of the old binary format of Office" if is_old else f"it is a {suffix} file"
    raise DocumentError(f"{kind}, which is not read; save it as {_SAVE_AS[suffix]}")
