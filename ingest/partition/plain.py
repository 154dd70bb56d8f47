"""Text formats whose clean text is the file itself: Markdown, plain text, rows of documents.jsonl."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ingest.clean import one_line
from ingest.partition.encodings import read_text
from ingest.partition.layout import Content, HeadingPath, fill_gaps, flat_metadata, trimmed
from rag.types import Block, BlockKind, Metadata, Span

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
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
    front = _FRONT_MATTER.match(text)
    body_start = front.end() if front else 0
    fields, problem = _front_fields(front.group(1) or "") if front else ({}, ())
    title = fields.get("title", "")
    blocks: list[Block] = []
    front_span = trimmed(text, 0, body_start)
    if front_span:
        blocks.append(Block("front_matter", front_span))
    blocks += _markdown_blocks(text, body_start)
    return Content(
        text,
        tuple(fill_gaps(text, blocks)),
        "text/markdown",
        title=one_line(", ".join(title) if isinstance(title, tuple) else title),
        explicit_title="title" in fields,
        metadata={key: value for key, value in fields.items() if key != "title"},
        warnings=(*warnings, *problem),
    )


def _front_fields(source: str) -> tuple[Metadata, tuple[str, ...]]:
    try:
        fields = yaml.safe_load(source)
    except (yaml.YAMLError, ValueError) as error:
        return {}, (f"its front matter is no YAML and was not read: {one_line(str(error))}",)
    return (flat_metadata(fields), ()) if isinstance(fields, dict) else ({}, ())


def _markdown_blocks(text: str, body_start: int) -> Iterator[Block]:
    # Front matter becomes blank lines, so that the parser's line numbers stay those of the file.
    # The parser also ends lines at a lone CR.
    source = "\n" * text.count("\n", 0, body_start) + text[body_start:].replace("\r", " ")
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
    words = (child.content for child in inline.children or () if child.type in {"text", "code_inline", "image"})
    return one_line("".join(words)) or one_line(inline.content)
