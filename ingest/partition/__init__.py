"""Files become documents: clean text, a layout with exact offsets, a title. One file per family of formats.

A partitioner takes a path and returns a `Content`; `PARTITIONERS` chooses it by extension.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ingest.partition.clean import clip, normalise_newlines, one_line
from ingest.partition.layout import Content, flat_metadata
from ingest.partition.plain import paragraphs
from ingest.partition.sniffing import reader_of
from rag.errors import ConfigError, DocumentError
from rag.types import NOT_CHUNKED, Block, Document

Partitioner = Callable[[Path], Content]

PARTITIONERS: dict[str, str] = {
    ".md": "plain:partition_markdown",
    ".markdown": "plain:partition_markdown",
    ".txt": "plain:partition_text",
    ".text": "plain:partition_text",
    ".log": "plain:partition_text",
    ".rst": "rst:partition_rst",
    ".html": "web:partition_html",
    ".htm": "web:partition_html",
    ".xhtml": "web:partition_html",
    ".pdf": "pdf:partition_pdf",
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), "docx:partition_docx"),
    **dict.fromkeys((".pptx", ".pptm", ".potx", ".potm", ".ppsx", ".ppsm"), "pptx:partition_pptx"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xltm"), "xlsx:partition_xlsx"),
    ".csv": "delimited:partition_csv",
    ".tsv": "delimited:partition_csv",
    ".json": "json_tree:partition_json",
    ".jsonl": "json_tree:partition_json",
    ".ndjson": "json_tree:partition_json",
    ".epub": "epub:partition_epub",
    ".odt": "odt:partition_odt",
    ".eml": "mail:partition_eml",
    ".msg": "mail:partition_msg",
    ".mht": "mail:partition_mht",
    ".mhtml": "mail:partition_mht",
    ".webarchive": "web:partition_webarchive",
    ".rtf": "rtf:partition_rtf",
    ".xml": "xml_tree:partition_xml",
    ".ipynb": "notebook:partition_notebook",
    # Read where they are something else inside (HTML, RTF, tab-separated text), else refused with what to save as.
    **dict.fromkeys((".doc", ".dot", ".xls", ".xlt", ".ppt", ".pps", ".pot", ".xlsb"), "sniffing:refuse"),
    **dict.fromkeys((".ods", ".ots", ".odp", ".otp", ".pages", ".numbers", ".key"), "sniffing:refuse"),
}
"""Extension -> `module:function` of this package, so that a format's libraries are imported when it is met."""

_ROW_FIELDS = {"doc_id", "title", "text", "uri", "url", "metadata"}
_SNIFFED_BYTES = 8192


def partition_file(path: Path, doc_id: str, *, pdf_strategy: str = "fast") -> Document:
    """Return the document in a file.

    `pdf_strategy` is `fast` (text layer) or `hi_res` (layout model).

    Raises:
        DocumentError: it is empty, encrypted, damaged, of an unknown format, or holds no text.
    """
    try:
        data_hash = _checked_hash(path)
        content = _partitioner(path, pdf_strategy)(path)
    except DocumentError:
        raise
    except MemoryError:
        raise
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror or one_line(str(error))}") from error
    except Exception as error:  # parsers of foreign formats raise anything
        reason = one_line(str(error)) or "no reason given"
        raise DocumentError(f"cannot be read as {path.suffix}: {type(error).__name__}: {clip(reason, 300)}") from error
    if not content.text.strip():
        raise DocumentError("there is no text in it")
    return Document(
        doc_id=doc_id,
        title=_title(content, path.stem),
        text=_checked_unicode(content.text),
        blocks=content.blocks,
        source_hash=data_hash,
        uri=path.absolute().as_uri(),
        media_type=content.media_type,
        metadata={**content.metadata, "format": path.suffix.lower().lstrip(".") or "txt"},
        warnings=(*content.warnings, *_nothing_to_find(content.blocks)),
    )


def _nothing_to_find(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield a warning where no chunk is made of any block."""
    kinds = {block.kind for block in blocks}
    if kinds and kinds <= NOT_CHUNKED:
        parts = " and ".join(_NO_BODY[kind] for kind in sorted(kinds))
        yield f"there is nothing in it but {parts}, so no question finds it; put text below"


_NO_BODY = {"front_matter": "front matter", "margin": "headers and footers of pages"}


def document_from_row(row: Mapping[str, Any], source_hash: str, uri: str = "") -> Document:
    """Return the document of one row `{doc_id, title, text}`; its other flat fields become metadata.

    Raises:
        DocumentError: `text` is missing or empty, or a field has the wrong type.
    """
    text, title = row.get("text"), row.get("title") or ""
    if not isinstance(text, str) or not isinstance(title, str):
        raise DocumentError("its fields 'text' and 'title' must be strings")
    text = _checked_unicode(normalise_newlines(text))
    if not text.strip():
        raise DocumentError("there is no text in it")
    nested = row.get("metadata")
    fields = {key: value for key, value in row.items() if key not in _ROW_FIELDS}
    return Document(
        doc_id=str(row["doc_id"]),
        title=clip(title) or clip(str(row["doc_id"])),
        text=text,
        blocks=tuple(paragraphs(text)),
        source_hash=source_hash,
        uri=str(row.get("uri") or row.get("url") or uri),
        media_type="text/plain",
        metadata=flat_metadata(fields | (nested if isinstance(nested, dict) else {})),
    )


def _checked_hash(path: Path) -> str:
    if path.stat().st_size == 0:
        raise DocumentError("the file is empty (0 bytes)")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _partitioner(path: Path, pdf_strategy: str) -> Partitioner:
    suffix = path.suffix.lower()
    if suffix == ".pdf" and pdf_strategy != "fast":
        return _load("pdf:partition_pdf_hi_res")
    reader = reader_of(path, PARTITIONERS.get(suffix, ""))
    if reader:
        return _load(reader)
    with path.open("rb") as file:
        if b"\x00" in file.read(_SNIFFED_BYTES):
            known = " ".join(sorted(PARTITIONERS))
            raise DocumentError(f"the format {suffix or '(no extension)'} is not supported; supported: {known}")
    return _load("plain:partition_text")


def _load(name: str) -> Partitioner:
    module, _, function = name.partition(":")
    try:
        partitioner: Partitioner = getattr(import_module(f"ingest.partition.{module}"), function)
    except ImportError as error:
        raise ConfigError(f"a library is missing for this format: {one_line(str(error))}") from error
    return partitioner


def _title(content: Content, stem: str) -> str:
    first = next((block for block in content.blocks if block.kind == "heading"), None)
    heading = first.headings[-1] if first and first.headings else ""
    order = (content.title, heading) if content.explicit_title else (_top_heading(content.blocks) or "", content.title)
    return next((clip(title) for title in (*order, heading, stem) if one_line(title)), stem)


def _top_heading(blocks: tuple[Block, ...]) -> str | None:
    return next((block.headings[-1] for block in blocks if block.kind == "heading" and block.level == 1), None)


def _checked_unicode(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DocumentError("it holds broken Unicode (a lone surrogate); write it again as UTF-8") from error
    return text
