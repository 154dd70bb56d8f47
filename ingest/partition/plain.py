"""Text formats whose clean text is the file itself: Markdown, plain text, rows of documents.jsonl."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.partition.clean import one_line
from ingest.partition.encodings import read_text
from ingest.partition.front_matter import front_matter
from ingest.partition.includes import markdown_includes
from ingest.partition.inline_roles import role_text
from ingest.partition.layout import Content, HeadingPath, Piece, fill_gaps, trimmed
from ingest.partition.markdown_dialects import plain_lines, without_attributes
from rag.types import Block, BlockKind, Span

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_ROLE = re.compile(r"\{[a-zA-Z][\w:.+-]*\}\Z")
_PARAGRAPH = re.compile(r"\S.*?(?=\n[ \t]*\n|\Z)", re.DOTALL)
_KINDS: dict[str, BlockKind] = {
    "paragraph_open": "paragraph",
    "blockquote_open": "paragraph",
    "html_block": "paragraph",
    "fence": "code",
    "code_block": "code",
    "table_open": "table",
}


def partition_text(path: Path) -> Content:
    """Partition plain text: paragraphs end at blank lines."""
    text, warnings = read_text(path)
    return Content(text, tuple(paragraphs(text)), "text/plain", warnings=warnings)


def paragraphs(text: str, start: int = 0) -> Iterator[Block]:
    """Yield a block for every run of lines between blank lines from `start` on."""
    for match in _PARAGRAPH.finditer(text, start):
        span = trimmed(text, match.start(), match.end())
        if span:
            yield Block("paragraph", span)


def partition_markdown(path: Path) -> Content:
    """Partition CommonMark with tables and YAML front matter; offsets come from the parser's line maps."""
    text, warnings = read_text(path)
    body_start, fields, problem = front_matter(text)
    title = fields.get("title", "")
    blocks: list[Block] = []
    front_span = trimmed(text, 0, body_start)
    if front_span:
        blocks.append(Block("front_matter", front_span))
    blocks += _markdown_blocks(text, body_start)
    blocks = list(fill_gaps(text, blocks))
    return Content(
        text,
        tuple(blocks),
        "text/markdown",
        title=one_line(", ".join(title) if isinstance(title, tuple) else title),
        explicit_title="title" in fields,
        metadata={key: value for key, value in fields.items() if key != "title"},
        warnings=(*warnings, *problem, *markdown_includes(text, blocks)),
    )


def markdown_pieces(text: str) -> Iterator[Piece]:
    """Yield the pieces of Markdown that is a part of another file, such as a cell of a notebook."""
    for block in fill_gaps(text, list(_markdown_blocks(text, 0))):
        words = text[block.span.start : block.span.end]
        name = block.headings[-1] if block.kind == "heading" else words
        yield Piece(block.kind, name, block.level)


def _markdown_blocks(text: str, body_start: int) -> Iterator[Block]:
    # Front matter becomes blank lines, so that the parser's line numbers stay those of the file.
    # The parser also ends lines at a lone CR.
    source = "\n" * text.count("\n", 0, body_start) + plain_lines(text[body_start:].replace("\r", " "))
    starts = _line_starts(text)
    headings = HeadingPath()
    end = body_start
    tokens = _parser().parse(source)
    for index, token in enumerate(tokens):
        span = _token_span(text, token, starts)
        if span is None or span.start < end:
            continue
        if token.type == "heading_open":
            level = int(token.tag[1])
            yield Block("heading", span, headings.enter(level, _plain(tokens[index + 1])), level)
        elif token.type == "list_item_open":
            yield Block("list_item", span, headings.path)
        elif token.type in _KINDS:
            yield Block(_KINDS[token.type], span, headings.path)
        else:
            continue
        end = span.end


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table")  # making one takes as long as parsing a short document


def _token_span(text: str, token: Token, starts: list[int]) -> Span | None:
    if token.map is None:
        return None
    first, last = token.map
    return trimmed(text, starts[first], starts[min(last, len(starts) - 1)])


def _line_starts(text: str) -> list[int]:
    starts = [0]
    starts.extend(match.end() for match in re.finditer("\n", text))
    starts.append(len(text))
    return starts


def _plain(inline: Token) -> str:
    words = ""
    for child in inline.children or ():
        role = _ROLE.search(words) if child.type == "code_inline" else None
        if role:
            words = words[: role.start()] + role_text(child.content)
        elif child.type in {"text", "code_inline", "image"}:
            words += child.content
    return without_attributes(one_line(words) or one_line(inline.content))
