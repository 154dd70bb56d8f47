"""What a run has to do: which documents are new, changed, unchanged, vanished, or failed before and are left alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.report import moves
from ingest.sources import SourceItem, SourceKey, Sources
from ingest.store.catalogue import Failure, StoredDocument
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
        """Say whether the target index holds the live version of a document, of the same source."""
        live, target = self.live.get(doc_id), self.target.get(doc_id)
        if live is None or target is None:
            return False
        return (live.source_hash, live.source) == (target.source_hash, target.source)


@dataclass(slots=True)
class Plan:
    """The work of one run.

    `make` are read from their sources and replace the stored version only once they succeeded; `carry` are cut anew
    from the live generation's text; `retire` leave the target index; `settled` are there as their sources have them.
    `failed` cannot be listed or read; `gone` are no longer where they were fetched from, which counts as vanished;
    `left_alone` failed before and have not changed since. `moved` are the pairs of a vanished id and the new id that
    has its bytes; `owners` are the ids of the sources of all documents, once they are known.
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
    moved: tuple[tuple[str, str], ...] = ()
    owners: dict[str, int | None] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """Say whether nothing has to be written."""
        return not (self.make or self.carry or self.retire)


def make_plan(
    sources: Sources,
    held: Held,
    known_failures: Mapping[str, Failure],
    *,
    prunable: Collection[str],
    reuse_text: bool,
    progress: Callable[[int, int], None],
    hash_of: SourceHash,
) -> Plan:
    """Compare the sources with what is stored, by the hash of their bytes.

    `prunable` are the live documents that go if they are not listed. `known_failures` are left alone while their
    bytes stay the same. `reuse_text` allows a rebuild to take the clean text of unchanged documents from the live
    generation instead of from their files. `hash_of` reads the hashes.
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
    # What moved to a place where it failed stays at its old one.
    failing = {failure.source_hash for failure in plan.left_alone}
    vanished = sorted(set(prunable) - named)
    plan.vanished = [doc_id for doc_id in vanished if held.live[doc_id].source_hash not in failing]
    new = {item.doc_id: plan.hashes[item.doc_id] for item in plan.make if item.doc_id not in held.live}
    plan.moved = moves({doc_id: held.live[doc_id].source_hash for doc_id in plan.vanished}, new)
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
        plan.failed.append(Failure(item.doc_id, str(error), transient=True, uri=item.uri))
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


def check_prune(
    plan: Plan, sources: Sources, pruned: Collection[SourceKey], live: int, allow_delete_over: float
) -> None:
    """Refuse a prune of the sources `pruned` that would remove more than it may; what moved is not removed.

    Raises:
        PruneRefusedError: part of a source could not be listed, or too large a share of the corpus would go.
    """
    if not plan.vanished:
        return
    gone = len(plan.vanished) - len(plan.moved)
    failures = [failure for failure in sources.failures if failure.source in pruned]
    if failures:
        first = failures[0]
        raise PruneRefusedError(
            f"{len(failures)} places in the sources cannot be read ({first.name}: {first.reason}), so it cannot"
            " be told what vanished; mend them, or ingest without --prune"
        )
    if not sources.items or any(_is_deserted(key, plan, sources) for key in pruned):
        raise PruneRefusedError("the sources hold no documents any more; a prune would empty the corpus")
    if gone > allow_delete_over * live:
        raise PruneRefusedError(
            f"--prune would remove {gone} of {live} documents, more than {allow_delete_over:.0%};"
            f" if that is meant, allow it with --allow-delete-over {min(1.0, (gone * 100 // live + 1) / 100):g}"
        )


def _is_deserted(key: SourceKey, plan: Plan, sources: Sources) -> bool:
    """Say whether all addresses of a source are gone: then the host is more likely wrong than the source empty."""
    listed = {item.doc_id for item in sources.items if item.source == key}
    return bool(listed & set(plan.gone)) and not any(plan.hashes.get(doc_id) for doc_id in listed)


def forgotten(known: Sequence[Failure], found: Sources, ids: Mapping[SourceKey, int], *, prune: bool) -> list[str]:
    """Return the ids of known failures that the sources no longer hold.

    Failures of listing go, for it is done anew. Those of documents go where all of their source could be listed.
    What came from another source stays: nothing is known of it.
    """
    rows, named = tuple(f"{name}:" for name in found.row_files), {item.doc_id for item in found.items}
    broken = {failure.source for failure in found.failures}
    whole = {ids[source.key] for source in found.named if source.key in ids and source.key not in broken}
    mine = {ids[source.key] for source in found.named if source.key in ids}
    # Older releases did not write down whose a failure is.
    roots = tuple(_root(source.spelling) for source in found.named) if not broken else ()

    def gone(failure: Failure) -> bool:
        if failure.source is not None and failure.source not in mine:
            return False
        if failure.doc_id.endswith("/") or failure.doc_id.startswith(rows) or failure.doc_id in found.row_files:
            return True
        if failure.doc_id in named:
            return False
        old = failure.source is None and (prune or any(_below(failure.uri, root) for root in roots))
        return failure.source in whole or old

    return [failure.doc_id for failure in known if gone(failure)]


def _root(source: str) -> str:
    path = Path(source).expanduser()
    return path.absolute().as_uri() if path.exists() else source


def _below(uri: str, root: str) -> bool:
    return uri.startswith(root) and uri.removeprefix(root.rstrip("/"))[:1] in ("", "/", "#")
