"""What a run changed, told against the generation that was live before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.gate import Verdict
from ingest.make.duplicates import Pair
from ingest.store.catalogue import Failure


@dataclass(frozen=True, slots=True)
class Named:
    """The ids of the documents that a report counts, sorted; `embedded` are those with a chunk that the model saw."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    embedded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The result of one run.

    `generation` is the live one after the run, None if there is none. Each document is counted once: `moved` are the
    `(old, new)` ids of those whose bytes vanished under one id and came under another, and they are neither `added`
    nor `removed`; `unchanged` counts all that stayed as they were. So `changed + unchanged + moved + removed` is the
    number of documents before the run, and `changed + unchanged + moved + added` that after it.

    `chunks` were written: `embedded` by the model, `reused` with vectors that were stored for the same text.
    `failed` names every document of the sources that is not in the corpus as its source has it. `duplicates` names new
    and changed documents that are like another one: `(doc_id, other doc_id, similarity)`, 1.0 for the same text.
    `sources` are those that were read; `skipped` counts their files of formats that are not read, by extension.
    `documents` names what is counted. A dry run counts what the run would do, embeddings included.
    `held` is the generation that the `gate` did not pass: the counts are its own, and readers do not see them.
    """

    corpus: str
    generation: int | None
    added: int
    changed: int
    removed: int
    unchanged: int
    chunks: int = 0
    embedded: int = 0
    reused: int = 0
    failed: tuple[Failure, ...] = ()
    gate: Verdict | None = None
    held: int | None = None
    moved: tuple[tuple[str, str], ...] = ()
    duplicates: tuple[Pair, ...] = ()
    warnings: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    dry_run: bool = False
    seconds: float = 0.0
    skipped: Mapping[str, int] = field(default_factory=dict)
    documents: Named = Named()

    @property
    def changes(self) -> dict[str, int]:
        """The counts that the catalogue keeps with the generation."""
        return {
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "moved": len(self.moved),
            "unchanged": self.unchanged,
            "chunks": self.chunks,
            "embedded": self.embedded,
            "failed": len(self.failed),
        }


def compare(corpus: str, generation: int | None, before: Mapping[str, str], after: Mapping[str, str]) -> IngestReport:
    """Return the report of a run that turned `before` into `after`, both doc_id -> source hash."""
    added, removed = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    both = before.keys() & after.keys()
    changed = sorted(doc_id for doc_id in both if before[doc_id] != after[doc_id])
    moved = moves({doc_id: before[doc_id] for doc_id in removed}, {doc_id: after[doc_id] for doc_id in added})
    old, new = {pair[0] for pair in moved}, {pair[1] for pair in moved}
    named = Named(
        tuple(doc_id for doc_id in added if doc_id not in new),
        tuple(changed),
        tuple(doc_id for doc_id in removed if doc_id not in old),
    )
    counts = (len(named.added), len(changed), len(named.removed), len(both) - len(changed))
    return IngestReport(corpus, generation, *counts, moved=moved, documents=named)


def moves(gone: Mapping[str, str], new: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return `(old, new)` ids of the same bytes, both doc_id -> source hash; each id is in one pair at most."""
    places: dict[str, list[str]] = {}
    for doc_id in sorted(gone, reverse=True):
        places.setdefault(gone[doc_id], []).append(doc_id)
    return tuple((places[new[doc_id]].pop(), doc_id) for doc_id in sorted(new) if places.get(new[doc_id]))
