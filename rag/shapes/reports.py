"""The JSON of ingests, corpora and their upkeep: what `--json` prints, and what a job that did the work answers.

The values are dataclasses of `ingest` with fields of the same names, so `report_json` reads them as they are.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import ConfigDict

from rag.shapes.shapes import JsonShape


class ReportShape(JsonShape):
    """What the shapes of reports share: they are read from the fields of a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


_Shape = TypeVar("_Shape", bound=ReportShape)


def report_json(shape: type[_Shape], value: object) -> _Shape:
    """Convert a value that has the shape's fields.

    Raises:
        ValidationError: a field is missing or of another kind, which is a defect.
    """
    return shape.model_validate(value)


class FailureJson(ReportShape):
    """A document that could not be ingested; a `transient` failure (time, memory) may succeed when tried again."""

    doc_id: str
    reason: str
    source_hash: str
    transient: bool
    attempts: int
    failed_at: str
    uri: str
    source: int | None


class VerdictJson(ReportShape):
    """What a gate decided on a new generation, and why."""

    name: Literal["PASS", "FAIL", "INCONCLUSIVE"]
    reason: str
    details: dict[str, Any]


class NamedJson(ReportShape):
    """The documents that an ingest counts; `embedded` are those with a chunk that the model saw."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    embedded: list[str]


class IngestJson(ReportShape):
    """What an ingest changed, told against the generation that was live before it.

    `generation` is the live one after it. `moved` are `(old, new)` ids, `duplicates` `(doc_id, other doc_id,
    similarity)`. `held` is the generation that the `gate` did not pass.
    """

    corpus: str
    generation: int | None
    added: int
    changed: int
    removed: int
    unchanged: int
    chunks: int
    embedded: int
    reused: int
    failed: list[FailureJson]
    gate: VerdictJson | None
    held: int | None
    moved: list[tuple[str, str]]
    duplicates: list[tuple[str, str, float]]
    warnings: list[str]
    sources: list[str]
    dry_run: bool
    seconds: float
    skipped: dict[str, int]
    documents: NamedJson


class GenerationRowJson(ReportShape):
    """A generation with what it changed, and the verdict of the gate that it had to pass."""

    id: int
    index_id: int
    status: str
    settings: str
    started_at: str
    published_at: str | None
    changes: dict[str, int]
    gate: dict[str, Any] | None


class GenerationsJson(ReportShape):
    """The generations of a corpus and which of them is live."""

    corpus: str
    live: int | None
    generations: list[GenerationRowJson]


class SourceRowJson(ReportShape):
    """A source that a corpus remembers; `documents` counts those of the live generation."""

    id: int
    location: str
    prefix: str
    include: list[str]
    exclude: list[str]
    added_at: str
    refreshed_at: str
    forgotten: bool
    documents: int


class SourcesJson(ReportShape):
    """The sources of a corpus, and how many documents belong to none."""

    corpus: str
    sources: list[SourceRowJson]
    unowned: int


class CorpusStatusJson(ReportShape):
    """The state of a corpus."""

    corpus: str
    live: int | None
    documents: int
    chunks: int
    failures: list[FailureJson]
    generations: list[GenerationRowJson]
    embedder: str
    index_fingerprint: str
    stale_settings: bool
    bytes_on_disk: int
    languages: dict[str, int]
    duplicate_groups: int
    sources: list[SourceRowJson]
    unowned: int
    doc_ids: list[str]


class StatusJson(ReportShape):
    """The state of one corpus, or of all."""

    corpora: list[CorpusStatusJson]


class ErasureJson(ReportShape):
    """What was erased; `chunks` counts all versions, `generation` is the live one afterwards."""

    corpus: str
    documents: list[str]
    chunks: int
    generation: int | None


class BackupJson(ReportShape):
    """What was written to a backup, or brought back from one."""

    corpus: str
    file: str
    generation: int
    documents: int
    chunks: int
    bytes: int


class RemovalJson(ReportShape):
    """A source that was removed or moved, and how many documents it has or had."""

    corpus: str
    source: str
    documents: int
    generation: int | None


class CorpusRowJson(ReportShape):
    """A corpus as a list shows it; `generation` is the live one, null before the first."""

    name: str
    generation: int | None
    published_at: str | None
    documents: int
    chunks: int
    failures: int
    embedder: str
    bytes_on_disk: int


class CorpusListJson(ReportShape):
    """Every corpus, by name."""

    corpora: list[CorpusRowJson]


class DeletionJson(ReportShape):
    """A corpus that was deleted; `documents` were those of its live generation, `chunks` counts all versions."""

    corpus: str
    documents: int
    chunks: int
