"""The by-title chunker: a chunk holds as many whole sections as fit, never text of two major sections."""

from __future__ import annotations

from ingest.chunkers.assemble import Assembler, Cut
from ingest.chunkers.measure import Model, Ruler
from ingest.chunkers.packing import Packer
from ingest.chunkers.sections import Joins, Section, body_blocks, grouped, is_bare, joint_tokens, sections
from rag.settings import ChunkerSettings
from rag.types import Chunk, Document

_MAJOR_LEVEL = 2


def by_title(document: Document, model: Model, settings: ChunkerSettings) -> list[Chunk]:
    """Join small sections until a chunk is full or a heading of level 1 or 2 comes.

    A section that is too long goes on in further chunks, whose headers repeat its title.
    """
    assembler = Assembler(document, model.tokenizer, settings)
    ruler = Ruler.of(document.text, model.tokenizer, assembler.tables)
    cuts: list[Cut] = []
    for group in grouped(sections(body_blocks(document)), title_joins(ruler, assembler)):
        cuts += Packer(ruler, assembler, group, settings.overlap_tokens).cuts()
    return assembler.chunks(cuts)


def title_joins(ruler: Ruler, assembler: Assembler) -> Joins:
    """Return the rule by which sections join: together they fit, and no major heading parts them.

    A heading without a text of its own goes to its first subsection.
    """

    def joins(group: Section, section: Section) -> bool:
        if is_bare(group, section):
            return True
        first = section[0]
        if first.kind != "heading" or first.level <= _MAJOR_LEVEL:
            return False
        room = min(assembler.room(path) for path in (first.headings, group[0].headings, group[-1].headings))
        return joint_tokens(group, section, ruler) <= room

    return joins
