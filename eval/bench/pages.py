"""HTML pages and PDF files for benchmarks, made of any text; public PDFs are added where there are some."""

from __future__ import annotations

import html
import io
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from eval.bench.corpora import BenchDocument

_PDF_EVERY = 8  # one document in so many becomes a PDF, the others are HTML


def as_pages(documents: Sequence[BenchDocument]) -> list[BenchDocument]:
    """Return the documents as HTML pages, every eighth as a PDF."""
    pages = []
    for number, document in enumerate(documents):
        form = "pdf" if number % _PDF_EVERY == 0 else "html"
        pages.append(replace(document, form=form, name=f"p{number:06}.{form}"))
    return pages


def public_pdfs(data: Path | None, at_most: int) -> list[Path]:
    """Return the smallest PDFs of the golden sets below a folder."""
    found = [] if data is None else sorted(data.glob("*/docs/*.pdf"), key=lambda path: (path.stat().st_size, path.name))
    return found[:at_most]


def copy_files(paths: Sequence[Path], folder: Path) -> None:
    """Copy files below a folder under neutral names."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(paths):
        shutil.copyfile(path, folder / f"public{number:03}{path.suffix}")


def write_pages(pages: Sequence[BenchDocument], folder: Path) -> Path:
    """Write pages below a folder, and return it; files whose bytes stay the same are not touched."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        data = _pdf(page) if page.form == "pdf" else _html(page)
        path = folder / page.name
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)
    return folder


def _paragraphs(page: BenchDocument) -> list[str]:
    return [html.escape(part.strip()) for part in page.text.split("\n\n") if part.strip()]


def _html(page: BenchDocument) -> bytes:
    title = html.escape(page.title)
    body = "\n".join(f"<p>{part}</p>" for part in _paragraphs(page))
    menu = '<nav><ul><li><a href="/">Home</a></li><li><a href="/help">Help</a></li></ul></nav>'
    return (
        f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>{menu}<main><h1>{title}</h1>\n{body}\n</main>"
        "<footer>All rights reserved.</footer></body></html>\n"
    ).encode()


def _pdf(page: BenchDocument) -> bytes:
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Paragraph, SimpleDocTemplate

    styles = getSampleStyleSheet()
    story = [Paragraph(html.escape(page.title) or "Untitled", styles["Heading1"])]
    story += [Paragraph(part, styles["BodyText"]) for part in _paragraphs(page)]
    buffer = io.BytesIO()
    SimpleDocTemplate(buffer, invariant=1).build(story)
    return buffer.getvalue()
