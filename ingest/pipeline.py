"""THE FLOW of ingestion: sources -> clean text -> chunks -> vectors and terms -> one new generation, flipped at last.

Readers see the old generation until the flip and the new one after it. Whatever stops a run before the flip, the next
run does it again with the embeddings that are stored already, and erases what was left before it flips; a document
that fails is named and keeps the version that readers have.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import Protocol

from ingest.chunkers import check_chunker
from ingest.gate import FlipGate
from ingest.make.duplicates import Pair, near_duplicates
from ingest.make.run_warnings import Tally
from ingest.make.workers import Job, Outcome, Recipe, WorkerPool, cut, prefetched
from ingest.options import IngestOptions as IngestOptions
from ingest.options import Progress as Progress
from ingest.options import ProgressSink as ProgressSink
from ingest.options import Runtime as Runtime
from ingest.plan import Held, Plan, check_prune, forgotten, make_plan
from ingest.refresh import listed
from ingest.report import IngestReport, compare
from ingest.sources import Reach, SourceKey, Sources
from ingest.sources.named import NOWHERE
from ingest.store.catalogue import CatalogueWriter, Clock, Failure, utc_now
from ingest.store.fetches import Fetches
from ingest.store.index_writer import IndexWriter, erase_generation, restore_removed
from ingest.store.lock import ingest_lock
from ingest.store.owners import (
    Claims,
    absorbed,
    as_failures,
    claim,
    owned,
    refuse_new,
    remember,
    rewritten,
    stray_warnings,
)
from ingest.store.registry import Registry
from ingest.store.reuse import StoredEmbeddings
from ingest.store.rows import MadeDocument
from ingest.store.trial import TrialWriter
from rag.errors import ConfigError
from rag.models.embedders import languages_of
from rag.ports import Embedder
from rag.retrieve.lost import refuse_incomplete
from rag.settings import READER_VERSION
from rag.state.home import check_corpus_name
from rag.types import Generation

_SPECIAL_TOKENS = 2


def ingest(
    sources: Sequence[str],
    corpus: str,
    runtime: Runtime,
    options: IngestOptions | None = None,
    progress: ProgressSink | None = None,
    clock: Clock = utc_now,
    gate: FlipGate | None = None,
) -> IngestReport:
    """Bring a corpus up to date with its sources, and say what changed; without `sources` with all it remembers.

    A document belongs to the source that brought it: a prune removes only documents of the sources of this run, and
    no source takes an id that another one has.

    With a `gate` the new generation goes live only if the gate passes it; else it is held, complete and invisible,
    until it is promoted by hand or the next ingest replaces it. A corpus without a live generation has nothing to
    compare with, so its first generation goes live without asking.

    Raises:
        SourceError: a source is missing or empty, or a prune was refused.
        IdTakenError: a new source has ids of documents of another source; nothing was changed.
        BusyError: another process ingests into the corpus.
        ConfigError: the corpus name or a setting does not fit.
    """
    started = time.monotonic()
    check_corpus_name(corpus)
    check_chunker(runtime.settings.ingest.chunker)  # a misspelt name must fail the run, not every document of it
    options = options or IngestOptions()
    writer = CatalogueWriter(runtime.engine, corpus, clock)
    memory, registry = Fetches(runtime.engine, corpus, clock), Registry(runtime.engine, corpus, clock)
    with Reach(runtime.settings.ingest.fetch, runtime.home.spool, memory) as reach:
        found = listed(sources, options, reach, lambda: registry.known(writer.live()), corpus)
        run = _Run(runtime, options, progress or _silent, writer, corpus, registry, reach, gate)
        if options.dry_run:
            report = run.preview(found)
        else:
            with ingest_lock(runtime.home, corpus, runtime.engine):
                writer.create_corpus()
                restore_abandoned(writer, runtime)
                try:
                    report = run.execute(found)
                    if options.prune and registry.all_among(found.named):
                        memory.forget_others({item.origin.uri for item in found.items if item.origin})
                finally:
                    memory.flush()
    warnings = (*found.warnings, *report.warnings)
    names = tuple(str(source.key) for source in found.named)
    seconds = time.monotonic() - started
    return replace(report, warnings=warnings, sources=names, skipped=dict(found.skipped), seconds=seconds)


def create_index(writer: CatalogueWriter, runtime: Runtime) -> int:
    """Add an empty index to the corpus, as the settings want it, and return its id."""
    settings, embedder = runtime.settings, runtime.embedder
    stored = settings.model_dump(mode="json", include={"ingest", "embedder", "bm25"}) | {"reader": READER_VERSION}
    index_id = writer.create_index(settings.index_fingerprint(), stored, embedder.name, embedder.dim)
    runtime.claim(index_id)
    return index_id


def restore_abandoned(writer: CatalogueWriter, runtime: Runtime) -> None:
    """Bring back what generations newer than the live one removed: those that a crash or a rollback left behind.

    What they added stays for its embeddings, seen by nobody, until `discard_abandoned`. The stores come first and the
    catalogue last, so that a crash in between leaves it to be done again.
    """
    for generation in writer.abandoned():
        writer.disown(generation)
        _, removed = writer.touched(generation)
        if removed:
            restore_removed(runtime.indexes(generation.index_id), removed)
        writer.restore(generation)


def discard_abandoned(writer: CatalogueWriter, runtime: Runtime, but: int | None = None) -> None:
    """Erase every generation newer than the live one, except the one that is being written (`but`).

    It comes before that one is sealed: its id is larger, so it would see what they added.
    """
    for generation in writer.abandoned():
        if generation.id != but:
            writer.disown(generation)
            added, removed = writer.touched(generation)
            erase_generation(runtime.indexes(generation.index_id), generation.id, added, removed)
            writer.discard(generation)


def _silent(_: Progress) -> None:
    """Report to nobody."""


class _Target(Protocol):
    """What takes the documents that are made: the index, or the counts of a dry run."""

    anew: set[str]
    embedded: int

    @property
    def reused(self) -> int: ...

    @property
    def chunks(self) -> int: ...

    def add(self, made: MadeDocument) -> None: ...


@dataclass(slots=True)
class _Made:
    """What came of the documents that were to be made."""

    written: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


@dataclass(slots=True)
class _Run:
    """One run over one corpus."""

    runtime: Runtime
    options: IngestOptions
    progress: ProgressSink
    writer: CatalogueWriter
    corpus: str
    registry: Registry
    reach: Reach
    gate: FlipGate | None = None

    def preview(self, found: Sources) -> IngestReport:
        """Say what a run would do: documents are read and cut, nothing is embedded or written."""
        live = self.writer.live()
        held, index_id = self._held(live)
        if live is not None and index_id is not None:
            refuse_incomplete(self.runtime.indexes(index_id), replace(live, index_id=index_id), self.runtime.catalogue)
        claims = self._claims(found, held, live)
        plan = self._plan(found, claims, held, live)
        report, failed = self._tried(plan, held, live, index_id)
        known = {failure.doc_id: failure for failure in self.writer.failures()}
        told = (_as_known(failure, known) for failure in (*plan.failed, *failed))
        warnings = (*stray_warnings(claims, self.corpus), *report.warnings)
        return replace(report, failed=(*plan.left_alone, *told), warnings=warnings, dry_run=True)

    def _tried(
        self, plan: Plan, held: Held, live: Generation | None, index_id: int | None
    ) -> tuple[IngestReport, Sequence[Failure]]:
        """Return the report of writing nothing, and what would fail; the steps are those of `_write`."""
        if plan.idle and (live is None or live.index_id == index_id):
            return self._nothing_changed(live, held), ()
        embedder = self.runtime.indexes(index_id).embedder if index_id else self.runtime.embedder
        self._check_window(embedder)
        trial = TrialWriter(self._known_embeddings(embedder, index_id))
        made = self._make(plan, held, live, embedder, trial)
        made.warnings += made.tally.warnings(self.runtime.settings, languages_of(self.runtime.settings.embedder))
        outdated = set(self._outdated(plan, held, made))
        kept = {doc_id: stored.source_hash for doc_id, stored in held.target.items() if doc_id not in outdated}
        report = compare(self.corpus, live.id if live else None, held.live_hashes, kept | trial.hashes)
        if not self._worth_a_flip(report, plan, held, kept | trial.hashes):
            return replace(self._nothing_changed(live, held), warnings=tuple(made.warnings)), made.failed
        stored = self.writer.signatures(index_id, live.id) if index_id and live else {}
        signatures = {doc_id: stored[doc_id] for doc_id in kept if doc_id in stored} | trial.signatures
        duplicates = self._duplicates(signatures, held.live_hashes, kept | trial.hashes)
        return replace(_counted(report, trial), warnings=tuple(made.warnings), duplicates=duplicates), made.failed

    def execute(self, found: Sources) -> IngestReport:
        """Plan, write a generation nobody sees, flip to it."""
        live = self.writer.live()
        held, index_id = self._held(live)
        self._check_stores(live, index_id)
        claims = self._claims(found, held, live)
        plan = self._plan(found, claims, held, live)
        ids = remember(self.registry, found, claims)
        plan.owners = owned(claims, held.live, ids)
        for source, pks in rewritten(plan.owners, (held.live, held.target), plan.settled).items():
            self.writer.own(source, sorted(pks))
        self.registry.forget(absorbed(plan.owners, held.live))
        failed = self._settle_failures(plan, found, ids)
        if plan.idle and (live is None or live.index_id == index_id):
            discard_abandoned(self.writer, self.runtime)
            report = self._nothing_changed(live, held)
        else:
            report = self._write(plan, held, live, index_id or create_index(self.writer, self.runtime))
        warnings = (*stray_warnings(claims, self.corpus), *report.warnings)
        return replace(report, failed=(*plan.left_alone, *failed, *report.failed), warnings=warnings)

    def _claims(self, found: Sources, held: Held, live: Generation | None) -> Claims:
        known = self.registry.known(live)
        claims = claim(found, held.live, known, prune=self.options.prune)
        refuse_new(claims.conflicts, known, self.corpus)
        return claims

    def _held(self, live: Generation | None) -> tuple[Held, int | None]:
        index_id = self.writer.find_index(self.runtime.settings.index_fingerprint())
        of_live = self.writer.stored(live.index_id, live.id) if live else {}
        if live and live.index_id == index_id:
            return Held(of_live, of_live), index_id
        # An index that was live before settings changed is brought up to date, not built again. What newer generations
        # left in it does not count.
        return Held(of_live, self.writer.stored(index_id, live.id) if live and index_id else {}), index_id

    def _check_stores(self, live: Generation | None, index_id: int | None) -> None:
        """Refuse to go on with an index whose vectors are lost: what is written next would hide that."""
        if live is not None and index_id is not None:
            seen = replace(live, index_id=index_id)
            refuse_incomplete(self.runtime.indexes(index_id), seen, self.runtime.catalogue)
            self.runtime.claim(index_id)  # an older release did not remember

    def _plan(self, found: Sources, claims: Claims, held: Held, live: Generation | None) -> Plan:
        rebuild = live is not None and held.live is not held.target
        known = {} if self.options.retry_failed or rebuild else {x.doc_id: x for x in self.writer.failures()}
        plan = make_plan(
            replace(found, items=claims.items),
            held,
            known,
            prunable=claims.prunable,
            reuse_text=live is not None and self._same_partition(live),
            progress=lambda done, total: self.progress(Progress("scan", done, total)),
            hash_of=self.reach.source_hash,
        )
        plan.failed += as_failures(claims.conflicts)
        check_prune(plan, found, claims.pruned, len(held.live), self.options.allow_delete_over)
        return plan

    def _same_partition(self, live: Generation) -> bool:
        stored = self.writer.index_settings(live.index_id)
        strategy = stored.get("ingest", {}).get("partition", {}).get("pdf_strategy")
        wanted = self.runtime.settings.ingest.partition.pdf_strategy
        return bool(strategy == wanted and stored.get("reader", 1) == READER_VERSION)

    def _settle_failures(self, plan: Plan, found: Sources, ids: Mapping[SourceKey, int]) -> list[Failure]:
        """Record and return what could not be listed or read; forget what is mended or gone."""
        known = self.writer.failures()
        mended = {*plan.settled, *plan.vanished}
        gone = {x.doc_id for x in known if x.doc_id in mended and x.source in (None, plan.owners.get(x.doc_id))}
        gone |= set(forgotten(known, found, ids, prune=self.options.prune))
        gone -= {failure.doc_id for failure in plan.failed}  # it failed again: its attempts count on
        self.writer.clear_failures(gone)
        origins = {failure.name: failure.source for failure in found.failures}
        origins |= {item.doc_id: item.source for item in found.items}
        told = (x if x.source else replace(x, source=ids.get(origins.get(x.doc_id, NOWHERE))) for x in plan.failed)
        return self.writer.record_failures(list(told))

    def _write(self, plan: Plan, held: Held, live: Generation | None, index_id: int) -> IngestReport:
        index = self.runtime.indexes(index_id)
        self._check_window(index.embedder)
        settings = self.runtime.settings
        generation = self.writer.begin(index_id, settings.fingerprint())
        with IndexWriter(self.writer, index, generation, self._known_embeddings(index.embedder, index_id)) as target:
            made = self._make(plan, held, live, index.embedder, target)
        made.warnings += made.tally.warnings(settings, languages_of(settings.embedder))
        target.retire([held.target[doc_id].pk for doc_id in self._outdated(plan, held, made)])
        discard_abandoned(self.writer, self.runtime, but=generation)
        failed, warnings = self._record_failures(plan, made), tuple(made.warnings)
        after = {x.doc_id: x.source_hash for x in self.writer.stored(index_id, generation).values()}
        report = compare(self.corpus, generation, held.live_hashes, after)
        if not self._worth_a_flip(report, plan, held, after):
            discard_abandoned(self.writer, self.runtime)
            return replace(self._nothing_changed(live, held), failed=failed, warnings=warnings)
        duplicates = self._duplicates(self.writer.signatures(index_id, generation), held.live_hashes, after)
        report = replace(_counted(report, target), failed=failed, warnings=warnings, duplicates=duplicates)
        self.progress(Progress("publish", 0, 1))
        target.seal(self.runtime.catalogue, self.corpus, settings.fingerprint())
        report = self._flip(Generation(generation, self.corpus, index_id, settings.fingerprint()), live, report)
        self.progress(Progress("publish", 1, 1))
        return report

    def _flip(self, candidate: Generation, live: Generation | None, report: IngestReport) -> IngestReport:
        """Make a sealed generation the live one, or hold it where the gate does not pass it."""
        if self.gate is None or live is None:
            self.writer.publish(candidate.id, report.changes, base=live.id if live else None)
            return report
        self.writer.hold(candidate.id, report.changes)
        verdict = self.gate(live, candidate)
        self.writer.record_verdict(candidate.id, asdict(verdict))
        if verdict.passed:
            self.writer.publish(candidate.id, report.changes, base=live.id)
            return replace(report, gate=verdict)
        return replace(report, generation=live.id, held=candidate.id, gate=verdict)

    def _known_embeddings(self, embedder: Embedder, index_id: int | None) -> StoredEmbeddings:
        catalogue = self.runtime.catalogue
        others = catalogue.embedded_by(embedder.name, self.corpus)
        return StoredEmbeddings(catalogue, self.runtime.indexes, embedder.dim, index_id, others)

    def _record_failures(self, plan: Plan, made: _Made) -> tuple[Failure, ...]:
        self.writer.clear_failures(made.written)
        names = {failure.doc_id for failure in made.failed}
        uris = {item.doc_id: item.uri for item in plan.make if item.doc_id in names}
        told = [replace(x, uri=uris.get(x.doc_id, ""), source=plan.owners.get(x.doc_id)) for x in made.failed]
        return tuple(self.writer.record_failures(told))

    def _duplicates(
        self, signatures: dict[str, bytes], before: Mapping[str, str], after: Mapping[str, str]
    ) -> tuple[Pair, ...]:
        settings = self.runtime.settings.ingest.duplicates
        fresh = {doc_id for doc_id, source_hash in after.items() if before.get(doc_id) != source_hash}
        if not (settings.report and fresh):
            return ()
        return tuple(near_duplicates(signatures, fresh, settings.threshold))

    def _make(self, plan: Plan, held: Held, live: Generation | None, embedder: Embedder, target: _Target) -> _Made:
        """Partition, chunk and embed; workers read ahead while this process embeds."""
        made = _Made()
        total = len(plan.make) + len(plan.carry)
        items = self.reach.brought(plan.make, plan.hashes)
        jobs = chain((Job(item.doc_id, item) for item in items), self._carried(plan.carry, live))
        for done, outcome in enumerate(self._outcomes(jobs, total, embedder), start=1):
            _take(outcome, made, target, plan)
            self.progress(Progress("documents", done, total))
        # A rebuild must not lose a document whose new version fails: its live version moves over.
        failed = [x.doc_id for x in made.failed if x.doc_id in held.live and not held.is_current(x.doc_id)]
        for outcome in self._outcomes(self._carried(failed, live), len(failed), embedder):
            _take(outcome, made, target, plan)
        return made

    def _outcomes(self, jobs: Iterator[Job], total: int, embedder: Embedder) -> Iterator[Outcome]:
        ingest_settings = self.runtime.settings.ingest
        sign = ingest_settings.duplicates.report
        recipe = Recipe(embedder.tokenizer, ingest_settings.chunker, ingest_settings.partition, sign)
        workers = self.options.jobs or ingest_settings.jobs
        with WorkerPool(workers, recipe, at_most=total) as pool:
            with prefetched(self.reach.emptied(pool.outcomes(jobs)), pool.cancel) as outcomes:
                for outcome in outcomes:
                    yield cut(outcome, embedder, ingest_settings.chunker)

    def _carried(self, doc_ids: Sequence[str], live: Generation | None) -> Iterator[Job]:
        if live is not None:
            for doc_id in doc_ids:
                yield Job(doc_id, stored=self.runtime.catalogue.document(live, doc_id))

    def _outdated(self, plan: Plan, held: Held, made: _Made) -> list[str]:
        """Return the documents whose version in the index is replaced, gone, or not what readers had."""
        failed = {x.doc_id for x in made.failed}
        # A document that moved and cannot be made at its new place stays at the old one.
        kept = {old for old, new in plan.moved if new in failed}
        outdated = {*plan.retire, *made.written, *(failed - held.live.keys())} & held.target.keys()
        return sorted(outdated - kept)

    def _nothing_changed(self, live: Generation | None, held: Held) -> IngestReport:
        return compare(self.corpus, live.id if live else None, held.live_hashes, held.live_hashes)

    def _worth_a_flip(self, report: IngestReport, plan: Plan, held: Held, after: dict[str, str]) -> bool:
        if held.live and held.live is not held.target:
            # A rebuild that could not cut a document again would take it away from readers.
            return held.live.keys() - after.keys() <= set(plan.vanished)
        return bool(report.added or report.changed or report.removed or report.moved)

    def _check_window(self, embedder: Embedder) -> None:
        wanted, window = self.runtime.settings.ingest.chunker.max_tokens, embedder.max_tokens - _SPECIAL_TOKENS
        if wanted > window:
            raise ConfigError(
                f"ingest.chunker.max_tokens is {wanted}, but the embedder {embedder.name!r} reads {window};"
                f" set it to {window} or less"
            )


def _counted(report: IngestReport, target: _Target) -> IngestReport:
    """Add to a report what was written."""
    named = replace(report.documents, embedded=tuple(sorted(target.anew)))
    chunks, embedded, reused = target.chunks, target.embedded, target.reused
    return replace(report, documents=named, chunks=chunks, embedded=embedded, reused=reused)


def _as_known(failure: Failure, known: Mapping[str, Failure]) -> Failure:
    """Return a failure with the tries that are stored of it."""
    before = known.get(failure.doc_id)
    return replace(failure, attempts=before.attempts, failed_at=before.failed_at) if before else failure


def _take(outcome: Outcome, made: _Made, target: _Target, plan: Plan) -> None:
    if outcome.document is None:
        source_hash = plan.hashes.get(outcome.doc_id, "")
        made.failed.append(Failure(outcome.doc_id, outcome.reason, source_hash, outcome.transient))
        return
    owner = plan.owners.get(outcome.doc_id)
    target.add(MadeDocument(outcome.document, outcome.chunks, outcome.signature, owner))
    made.written.append(outcome.doc_id)
    made.tally.add(outcome.document, outcome.chunks)
    made.warnings += (f"{outcome.doc_id}: {warning}" for warning in outcome.document.warnings)
