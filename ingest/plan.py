"""What a run has to do: which documents are new, changed, unchanged, vanished, or failed before and are left alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from ingest.catalogue import Failure, StoredDocument
from ingest.sources import SourceItem, Sources
from rag.errors import DocumentError, GoneError, PruneRefusedError

SourceHash = Callable[[SourceItem, Collection[str], bool], str]
"""Hash of an item's source, given the hashes with which nothing has to be done, and whether it is needed now."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored before the run: as readers see it (`live`), and in the index that will be written (`target`).

    The two are the same unless a setting changed the index.
    """

    live: Mapping[str, StoredDocument]
    target: Mapping[str, StoredDocument]

    @property
    def live_hashes(self) -> dict[str, str]:
        """The source hash of every live document."""
        return {doc_id: stored.source_hash for doc_id, stored in self.live.items()}

    def current_hashes(self, doc_id: str, reuse_text: bool) -> set[str]:
        """Return the source hashes with which a document need not be read again."""
        found = (self.target.get(doc_id), self.live.get(doc_id) if reuse_text else None)
        return {stored.source_hash for stored in found if stored}

    def is_current(self, doc_id: str) -> bool:
        """Say whether the target index holds the live version of a document."""
        live, target = self.live.get(doc_id), self.target.get(doc_id)
        return live is not None and target is not None and live.source_hash == target.source_hash


@dataclass(slots=True)
class Plan:
    """The work of one run.

    `make` are read from their sources and replace the stored version only once they succeeded; `carry` are cut anew
    from the live generation's text; `retire` leave the target index; `settled` are there as their sources have them.
    `failed` cannot be listed or read; `gone` are no longer where they were fetched from, which counts as vanished;
    `left_alone` failed before and have not changed since.
    """

    make: list[SourceItem] = field(default_factory=list)
    carry: list[str] = field(default_factory=list)
    retire: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    left_alone: list[Failure] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """Say whether nothing has to be written."""
        return not (self.make or self.carry or self.retire)


def make_plan(
    sources: Sources,
    held: Held,
    known_failures: Mapping[str, Failure],
    *,
    prune: bool,
    reuse_text: bool,
    progress: Callable[[int, int], None],
    hash_of: SourceHash,
) -> Plan:
    """Compare the sources with what is stored, by the hash of their bytes.

    `known_failures` are left alone while their bytes stay the same. `reuse_text` allows a rebuild to take the clean
    text of unchanged documents from the live generation instead of from their files. `hash_of` reads the hashes.
    """
    plan = Plan(failed=[Failure(failure.name, failure.reason) for failure in sources.failures])
    for done, item in enumerate(sources.items, start=1):
        failure = known_failures.get(item.doc_id)
        current = held.current_hashes(item.doc_id, reuse_text)
        source_hash = _hash(item, plan, hash_of, current, needed=bool(current or failure))
        if source_hash is not None:
            _place(item, source_hash, plan, held, failure, reuse_text)
        progress(done, len(sources.items))
    named = {item.doc_id for item in sources.items} - set(plan.gone)
    plan.vanished = sorted(held.live.keys() - named) if prune else []
    decided = {item.doc_id for item in plan.make} | set(plan.settled) | set(plan.vanished)
    kept = held.live.keys() - decided
    plan.carry = sorted(doc_id for doc_id in kept if not held.is_current(doc_id))
    plan.retire = sorted((held.target.keys() - decided - kept) | (held.target.keys() & set(plan.vanished)))
    return plan


def _hash(item: SourceItem, plan: Plan, hash_of: SourceHash, current: Collection[str], *, needed: bool) -> str | None:
    try:
        source_hash = hash_of(item, current, needed)
    except GoneError as error:
        # What was never there is a wrong address; what was there is treated as a file that vanished.
        if current:
            plan.gone.append(item.doc_id)
        else:
            plan.failed.append(Failure(item.doc_id, str(error), transient=True))
        return None
    except DocumentError as error:
        plan.failed.append(Failure(item.doc_id, str(error), transient=True))
        return None
    plan.hashes[item.doc_id] = source_hash
    return source_hash


def _place(
    item: SourceItem, source_hash: str, plan: Plan, held: Held, failure: Failure | None, reuse_text: bool
) -> None:
    live, target = held.live.get(item.doc_id), held.target.get(item.doc_id)
    if target and target.source_hash == source_hash:
        plan.settled.append(item.doc_id)
    elif failure and failure.source_hash == source_hash:
        plan.left_alone.append(failure)
    elif not (reuse_text and live and live.source_hash == source_hash):
        plan.make.append(item)


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
    # Where addresses are gone and none is known to be there, the host is more likely wrong than the corpus.
    if not sources.items or (plan.gone and not any(plan.hashes.values())):
        raise PruneRefusedError("the sources hold no documents any more; a prune would empty the corpus")
    if gone > allow_delete_over * live:
        raise PruneRefusedError(
            f"--prune would remove {gone} of {live} documents, more than {allow_delete_over:.0%};"
            f" if that is meant, allow it with --allow-delete-over {min(1.0, (gone * 100 // live + 1) / 100):g}"
        )
