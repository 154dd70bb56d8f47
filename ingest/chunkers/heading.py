"""The heading-aware chunker: sections stay apart, tables break between rows, lists and code stay whole if they fit."""

from __future__ import annotations

import re

from ingest.chunkers.assemble import Assembler, Cut
from ingest.chunkers.measure import Model, Ruler
from ingest.chunkers.packing import Packer
from ingest.chunkers.sections import Section, body_blocks, grouped, is_bare, joint_tokens, sections
from rag.settings import ChunkerSettings
from rag.types import Chunk, Document

_TINY_SHARE = 3
_DIGITS = re.compile(r"\d+")


def heading(document: Document, model: Model, settings: ChunkerSettings) -> list[Chunk]:
    """Pack the blocks of each section; tiny neighbours under one parent share a chunk.

    A heading without a text of its own goes to its first subsection.
    """
    assembler = Assembler(document, model.tokenizer, settings)
    ruler = Ruler.of(document.text, model.tokenizer, assembler.tables)

    def joins(group: Section, section: Section) -> bool:
        return is_bare(group, section) or _are_tiny(group, section, ruler, assembler, settings.max_tokens)

    cuts: list[Cut] = []
    for group in grouped(sections(body_blocks(document)), joins):
        cuts += Packer(ruler, assembler, group, settings.overlap_tokens).cuts()
    return assembler.chunks(cuts)


def _are_tiny(group: Section, section: Section, ruler: Ruler, assembler: Assembler, max_tokens: int) -> bool:
    below = section[0].headings
    parent = below[:-1]
    if _are_forms(group, section):
        return False
    if not all(parent in (block.headings, block.headings[:-1]) for block in group):
        return False
    parts = (ruler.tokens(part[0].span.start, part[-1].span.end) for part in (group, section))
    together = joint_tokens(group, section, ruler)
    return together <= assembler.room(below) and min(parts) * _TINY_SHARE <= max_tokens


def _are_forms(group: Section, section: Section) -> bool:
    """Say whether two sections are pages of one form, alike ("Certificate") or told apart by a number ("Invoice 7102").

    Each page has a total of its own, which must not be read as that of the other.
    """
    first, second = group[0], section[0]
    if first.page == second.page or not first.headings or not second.headings:
        return False
    one, other = first.headings[-1], second.headings[-1]
    return _DIGITS.sub("#", one) == _DIGITS.sub("#", other)
