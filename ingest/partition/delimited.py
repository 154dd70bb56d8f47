"""Delimited tables: csv and tsv."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ingest.clean import table_text
from ingest.partition.encodings import read_text
from ingest.partition.layout import Content, Piece, assemble
from rag.errors import DocumentError

_SAMPLE_CHARS = 20_000
_FIELD_LIMIT = 10_000_000


def partition_csv(path: Path) -> Content:
    """Partition a csv or tsv file as one table, whichever of comma, semicolon, tab and bar separates it."""
    text, warnings = read_text(path)
    csv.field_size_limit(_FIELD_LIMIT)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), _dialect(text, path)))
    except csv.Error as error:
        raise DocumentError(f"it is no csv: {error}") from error
    clean, blocks = assemble([Piece("table", table_text(rows))])
    media_type = "text/tab-separated-values" if path.suffix.lower() == ".tsv" else "text/csv"
    return Content(clean, blocks, media_type, title=path.stem, explicit_title=True, warnings=warnings)


def _dialect(text: str, path: Path) -> type[csv.Dialect]:
    if path.suffix.lower() == ".tsv":
        return csv.excel_tab
    sample = text[:_SAMPLE_CHARS]
    try:
        return csv.Sniffer().sniff(sample[: sample.rfind("\n") + 1] or sample, delimiters=",;\t|")
    except csv.Error:
        return csv.excel
