"""`ingest`: how files are fetched, read and cut."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rag.settings.section import Section

READER_VERSION = 3
"""Of the clean text that files become: raised when partitioners change, so that the next ingest reads files again."""


class ChunkerSettings(Section):
    """How documents are cut. Sizes are in the embedder's tokens, contextual header included."""

    name: str = Field(
        default="heading",
        description="heading, by-title, recursive, sentence, tokens, semantic, table-aware or parent-child;"
        " another one builds a separate index at the next ingest",
    )
    max_tokens: int = Field(default=200, ge=16, description="size of a chunk, its header included")
    overlap_tokens: int = Field(default=0, ge=0, description="how much of a chunk the next one repeats")
    header: bool = Field(default=True, description="put title, headings and table head before a chunk's text")
    parent_tokens: int = Field(
        default=600, ge=16, description="parent-child: size of the part around a chunk that the context shows"
    )
    breakpoint_percentile: float = Field(
        default=90.0, gt=0, lt=100, description="semantic: cut where neighbours differ more than at this percentile"
    )

    def relevant(self) -> dict[str, Any]:
        """Return what decides the chunks: the sizes that other chunkers use are left out."""
        others = {"parent_tokens": "parent-child", "breakpoint_percentile": "semantic"}
        unused = {key for key, chunker in others.items() if chunker != self.name}
        return self.model_dump(mode="json", exclude=unused)


class PartitionSettings(Section):
    """How files become clean text. A worker over its time or memory limit is ended and its file is named a failure."""

    timeout_s: float = Field(default=120.0, gt=0, description="for one file; then it is a named failure")
    memory_mb: int = Field(default=4096, ge=256, description="for one file; then it is a named failure")
    pdf_strategy: Literal["fast", "hi_res"] = Field(
        default="fast", description="hi_res finds layout with a model that is not installed by default"
    )


class FetchSettings(Section):
    """How documents are fetched from the web and unpacked from archives, with their limits."""

    timeout_s: float = Field(default=30.0, gt=0, description="for one answer of a server")
    max_file_mb: int = Field(default=200, ge=1, description="of one file, one page or one unpacked member")
    max_archive_mb: int = Field(default=4096, ge=1, description="of all members of an archive together, unpacked")
    max_pages: int = Field(default=10_000, ge=1, description="of one sitemap")
    delay_s: float = Field(default=0.0, ge=0, description="between two requests to a host; robots.txt may ask for more")
    obey_robots: bool = Field(default=True, description="skip what robots.txt forbids")
    user_agent: str = Field(default="ragwright", description="how Ragwright names itself to servers")


class DuplicateSettings(Section):
    """Near-duplicate documents are found by MinHash over word 5-shingles and reported. They stay searchable."""

    report: bool = Field(default=True, description="name near-duplicates of new and changed documents")
    threshold: float = Field(default=0.85, gt=0, le=1, description="estimated Jaccard similarity counted as the same")


class IngestSettings(Section):
    """Ingest of sources into an index."""

    jobs: int = Field(default=0, ge=0, description="partition workers; 0 = one per core")
    partition: PartitionSettings = PartitionSettings()
    chunker: ChunkerSettings = ChunkerSettings()
    fetch: FetchSettings = FetchSettings()
    duplicates: DuplicateSettings = DuplicateSettings()
    keep_generations: int = Field(default=3, ge=1, description="states that `generations rollback` can return to")
