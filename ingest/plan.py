"""What a run has to do: which documents are new, changed, unchanged, vanished, or failed before and are left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ingest.catalogue import Failure, StoredDocument
from ingest.sources import SourceItem, Sources
from rag.errors import DocumentError, PruneRefusedError


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored before the run: as readers see it (`live`), and in the index that will be written (`target`).

    The two are the same unless a setting changed the index.
    """

    live: Mapping[str, StoredDocument]
    target: Mapping[str, StoredDocument]
    rebuild: bool


@dataclass(slots=True)
class Plan:
    """The work of one run. `make` are read from their sources, `carry` are cut anew from the live generation's text.

    `retire` are pks of the target index that the run removes whatever else happens; documents that are made replace
    their stored version only once they succeeded.
    """

    make: list[SourceItem] = field(default_factory=list)
    carry: list[StoredDocument] = field(default_factory=list)
    retire: list[int] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    known_failures: list[Failure] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """Say whether nothing has to be written."""
        return not (self.make or self.carry or self.retire or self.vanished)


def make_plan(
    sources: Sources,
    held: Held,
    failures: Sequence[Failure],
    *,
    prune: bool,
    retry_failed: bool,
    progress: Callable[[int, int], None],
) -> Plan:
    """Compare the sources with what is stored, by the hash of their bytes."""
    plan = Plan(failed=[Failure(failure.name, failure.reason) for failure in sources.failures])
    known = {failure.doc_id: failure for failure in failures}
    for done, item in enumerate(sources.items, start=1):
        _place(item, plan, held, None if retry_failed else known.get(item.doc_id))
        progress(done, len(sources.items))
    named = {item.doc_id for item in sources.items}
    if prune:
        plan.vanished = sorted(held.live.keys() - named)
    gone = set(plan.vanished)
    if held.rebuild:
        wanted = held.live.keys() - gone
        made = {item.doc_id for item in plan.make}
        unfit = [doc_id for doc_id in wanted - made if not _same(held.target.get(doc_id), held.live[doc_id])]
        plan.carry = sorted((held.live[doc_id] for doc_id in unfit), key=lambda stored: stored.doc_id)
        gone |= held.target.keys() - wanted - set(plan.unchanged)
    plan.retire = [held.target[doc_id].pk for doc_id in sorted(gone & held.target.keys())]
    return plan


def _place(item: SourceItem, plan: Plan, held: Held, failure: Failure | None) -> None:
    try:
        source_hash = item.source_hash()
    except DocumentError as error:
        plan.failed.append(Failure(item.doc_id, str(error), transient=True))
        return
    plan.hashes[item.doc_id] = source_hash
    if failure and failure.source_hash == source_hash:
        plan.known_failures.append(failure)
        return
    live, target = held.live.get(item.doc_id), held.target.get(item.doc_id)
    if target and target.source_hash == source_hash:
        plan.unchanged.append(item.doc_id)
    elif held.rebuild and live and live.source_hash == source_hash and not target:
        plan.unchanged.append(item.doc_id)
    else:
        plan.make.append(item)


def _same(stored: StoredDocument | None, live: StoredDocument) -> bool:
    return stored is not None and stored.source_hash == live.source_hash


def check_prune(plan: Plan, sources: Sources, live: int, allow_delete_over: float) -> None:
    """Refuse a prune that would remove more than it may.

    Raises:
        PruneRefusedError: part of a source could not be listed, or too large a share of the corpus would go.
    """
    gone = len(plan.vanished)
    if not gone:
        return
    if sources.failures:
        first = sources.failures[0]
        raise PruneRefusedError(
            f"{len(sources.failures)} places in the sources cannot be read ({first.name}: {first.reason}), so it cannot"
            " be told what vanished; mend them, or ingest without --prune"
        )
    if not sources.items:
        raise PruneRefusedError("the sources hold no documents; a prune would empty the corpus")
    if gone > allow_delete_over * live:
        raise PruneRefusedError(
            f"--prune would remove {gone} of {live} documents, more than {allow_delete_over:.0%};"
            f" if that is meant, allow it with --allow-delete-over {min(1.0, (gone * 100 // live + 1) / 100):g}"
        )
