"""What a run changed, told against the generation that was live before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.gate import Verdict
from ingest.make.duplicates import Pair
from ingest.store.catalogue import Failure


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
    changed = sum(before[doc_id] != after[doc_id] for doc_id in before.keys() & after.keys())
    moved = moves({doc_id: before[doc_id] for doc_id in removed}, {doc_id: after[doc_id] for doc_id in added})
    unchanged = len(before.keys() & after.keys()) - changed
    new, gone = len(added) - len(moved), len(removed) - len(moved)
    return IngestReport(corpus, generation, new, changed, gone, unchanged, moved=moved)


def moves(gone: Mapping[str, str], new: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return `(old, new)` ids of the same bytes, both doc_id -> source hash; each id is in one pair at most."""
    places: dict[str, list[str]] = {}
    for doc_id in sorted(gone, reverse=True):
        places.setdefault(gone[doc_id], []).append(doc_id)
    return tuple((places[new[doc_id]].pop(), doc_id) for doc_id in sorted(new) if places.get(new[doc_id]))
