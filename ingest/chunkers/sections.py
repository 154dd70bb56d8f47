"""The blocks of a document as sections: runs of blocks under one path of headings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ingest.chunkers.measure import Ruler
from ingest.partition.layout import fill_gaps
from rag.types import NOT_CHUNKED, Block, Document

Section = list[Block]
Joins = Callable[[Section, Section], bool]


def body_blocks(document: Document) -> list[Block]:
    """Return the blocks of a document, with one for all text between them, front matter and page margins left out."""
    return [block for block in fill_gaps(document.text, document.blocks) if block.kind not in NOT_CHUNKED]


def sections(blocks: Sequence[Block]) -> Iterator[Section]:
    """Yield the blocks under one path of headings, the heading first."""
    section: Section = []
    for block in blocks:
        if section and (block.kind == "heading" or block.headings != section[-1].headings):
            yield section
            section = []
        section.append(block)
    if section:
        yield section


def grouped(parts: Iterable[Section], joins: Joins) -> Iterator[Section]:
    """Yield sections, each joined to those before it as long as `joins(group, section)` allows."""
    group: Section = []
    for section in parts:
        if group and joins(group, section):
            group += section
        else:
            if group:
                yield group
            group = section
    if group:
        yield group


def is_bare(group: Section, section: Section) -> bool:
    """Say whether a group is headings alone, without a text of their own, and the section stands below them."""
    path = group[-1].headings
    return section[0].headings[: len(path)] == path and all(block.kind == "heading" for block in group)


def joint_tokens(group: Section, section: Section, ruler: Ruler) -> int:
    """Return the size of a group and the section after it."""
    return ruler.tokens(group[0].span.start, section[-1].span.end)
