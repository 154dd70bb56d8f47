"""Tables written in every format that holds them, and what is said of their rows by all stages after retrieval."""

from __future__ import annotations

import csv
import html
import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rag.answer.extractive import ExtractiveGenerator
from rag.answer.verify import support_score
from rag.context.citations import Located, cite, locate
from rag.context.compress import SentenceCompressor
from rag.context.pack import pack
from rag.context.terms import content_terms
from rag.types import Chunk, Context, Document, Hit, Prompt, Query, Reading, Span
from tests.fakes import FakeTokenizer, make_query

Rows = Sequence[Sequence[str]]
_ODF = "urn:oasis:names:tc:opendocument:xmlns"


def write_md(path: Path, rows: Rows) -> None:
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    path.write_text(
        "# Register\n\nAll of it.\n\n" + "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"
    )


def write_html(path: Path, rows: Rows) -> None:
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    path.write_text(f"<html><body><h1>Register</h1><p>All of it.</p><table>{body}</table></body></html>")


def write_csv(path: Path, rows: Rows, delimiter: str = ",") -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue())


def write_tsv(path: Path, rows: Rows) -> None:
    write_csv(path, rows, "\t")


def write_xlsx(path: Path, rows: Rows) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(path)


def write_docx(path: Path, rows: Rows) -> None:
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"

    def paragraph(text: str) -> str:
        return f'<w:p><w:r><w:t xml:space="preserve">{html.escape(text)}</w:t></w:r></w:p>'

    body = "".join("<w:tr>" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) + "</w:tr>" for row in rows)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
        )
        archive.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{word}"><w:body>{paragraph("All of it.")}<w:tbl>{body}</w:tbl></w:body>'
            "</w:document>",
        )


def write_odt(path: Path, rows: Rows) -> None:
    body = "".join(
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{html.escape(cell)}</text:p></table:table-cell>" for cell in row)
        + "</table:table-row>"
        for row in rows
    )
    names = " ".join(f'xmlns:{name}="{_ODF}:{name}:1.0"' for name in ("office", "text", "table"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr(
            "content.xml",
            f"<office:document-content {names}><office:body><office:text><text:p>All of it.</text:p>"
            f"<table:table>{body}</table:table></office:text></office:body></office:document-content>",
        )


def write_pptx(path: Path, rows: Rows) -> None:
    from pptx import Presentation
    from pptx.util import Inches

    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Register"
    table = slide.shapes.add_table(len(rows), len(rows[0]), 0, 0, Inches(8), Inches(5)).table
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            table.cell(i, j).text = cell
    deck.save(path)


def write_rst(path: Path, rows: Rows) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    edge, double = ("+" + "+".join(mark * (width + 2) for width in widths) + "+" for mark in "-=")
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows]
    below = [line for row in lines[1:] for line in (row, edge)]
    path.write_text("\n".join(["Register", "========", "", edge, lines[0], double, *below, ""]))


def write_txt(path: Path, rows: Rows) -> None:
    path.write_text("All of it.\n\n" + "\n".join(" | ".join(row) for row in rows) + "\n")


WRITERS: dict[str, Callable[[Path, Rows], None]] = {
    "md": write_md,
    "html": write_html,
    "csv": write_csv,
    "tsv": write_tsv,
    "xlsx": write_xlsx,
    "docx": write_docx,
    "odt": write_odt,
    "pptx": write_pptx,
    "rst": write_rst,
    "txt": write_txt,
}


def shares(query: Query, pieces: Sequence[tuple[Chunk, Sequence[Span]]]) -> list[list[Reading]]:
    """Read ranges by the share of the question's terms that they hold."""
    wanted = set(content_terms(query.text))
    return [[Reading(*[_share(wanted, chunk, span)] * 2) for span in spans] for chunk, spans in pieces]


def _share(wanted: set[str], chunk: Chunk, span: Span) -> float:
    text = chunk.text[max(0, span.start - chunk.span.start) : span.end - chunk.span.start]
    return len(wanted & set(content_terms(text))) / len(wanted)


def ranked(question: str, chunks: Sequence[Chunk], most: int = 6) -> list[Hit]:
    """Return the chunks that hold the most terms of a question, as the indexes see them."""
    wanted = set(content_terms(question))
    order = sorted(chunks, key=lambda c: (-len(wanted & set(content_terms(c.indexed_text))), c.span))[:most]
    return [Hit(chunk, rank, 1 / rank, {}) for rank, chunk in enumerate(order, 1)]


async def packed(question: str, hits: Sequence[Hit], document: Document, budget: int = 400) -> Context:
    """Return the context that compression and packing make of hits, checked to be the document's text."""
    selections = await SentenceCompressor(shares, 0.5).compress(make_query(question), hits)
    context = pack(selections, budget, FakeTokenizer(), 8, lambda doc_id: document.text)
    assert context.tokens <= budget
    seen: list[Span] = []
    for passage in context.passages:
        assert passage.text == " … ".join(document.text[span.start : span.end] for span in passage.spans)
        assert all(a.end < b.start for a, b in zip(passage.spans, passage.spans[1:], strict=False))
        assert not any(span.overlaps(other) for span in passage.spans for other in seen)
        seen += passage.spans
    return context


async def answered(question: str, context: Context) -> tuple[str, list[tuple[Located, float]]]:
    """Return what is said of one row, and where each sentence of it is proven how well."""
    draft = await ExtractiveGenerator(1).generate(question, context, Prompt("grounded", "1", ()))
    passages = {passage.tag: passage for passage in context.passages}
    found = []
    for sentence in cite(draft.text, passages.keys()).sentences:
        for tag in sentence.tags:
            place = locate(sentence.claim, passages[tag])
            found.append((place, support_score(sentence.claim, place.evidence)))
    return draft.text.rpartition(" [")[0], found
