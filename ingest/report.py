"""What a run changed, told against the generation that was live before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ingest.catalogue import Failure
from ingest.gate import Verdict


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The result of one run.

    `generation` is the live one after the run, None if there is none. `unchanged` counts all documents that stayed as
    they were. `moved` are `(old, new)` ids of removed and added documents with the same bytes. `chunks` were written.
    `held` is the generation that the `gate` did not pass: the counts are its own, and readers do not see them.
    `failed` names every document of the sources that is not in the corpus as its source has it.
    """

    corpus: str
    generation: int | None
    added: int
    changed: int
    removed: int
    unchanged: int
    chunks: int = 0
    failed: tuple[Failure, ...] = ()
    gate: Verdict | None = None
    held: int | None = None
    moved: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    dry_run: bool = False
    seconds: float = 0.0

    @property
    def changes(self) -> dict[str, int]:
        """The counts that the catalogue keeps with the generation."""
        return {
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "chunks": self.chunks,
            "failed": len(self.failed),
        }


def compare(corpus: str, generation: int | None, before: Mapping[str, str], after: Mapping[str, str]) -> IngestReport:
    """Return the report of a run that turned `before` into `after`, both doc_id -> source hash."""
    added, removed = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    changed = sum(before[doc_id] != after[doc_id] for doc_id in before.keys() & after.keys())
    was = {before[doc_id]: doc_id for doc_id in removed}
    moved = tuple((was[after[doc_id]], doc_id) for doc_id in added if after[doc_id] in was)
    unchanged = len(before.keys() & after.keys()) - changed
    return IngestReport(corpus, generation, len(added), changed, len(removed), unchanged, moved=moved)
