"""The indexes tell the truth after any sequence of changes: the stateful test of the whole of ingestion.

Random sequences of edits, runs, crashes, rollbacks and vacuums go through the real catalogue, shard, keyword files and
token store; only the embedder is light, and documents are partitioned in this process. After every step each kept
generation is checked as `tests.proofs.oracle` says: (a) its chunks are those of a from-scratch ingest of what it should
hold, (b) its BM25 scores are rank_bm25's, (c) its four stores agree. At the end of a sequence a real ingest into a
fresh home must give the same chunks. The last tests break the product on purpose, one clause each, and must fail.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from scipy import sparse

from ingest.make import workers
from ingest.pipeline import IngestOptions, ingest
from ingest.store.catalogue import CatalogueWriter
from ingest.upkeep.generations import rollback, vacuum
from ingest.upkeep.removal import remembered, remove_source
from rag.errors import CorpusNotFoundError, StateError
from rag.index.arrays import read_arrays, write_arrays
from rag.index.bm25 import Bm25Index
from rag.index.qdrant_edge import EdgeVectorIndex
from rag.models.embedders import EMBEDDERS
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings, load_settings
from rag.types import Generation
from tests.proofs.inline import in_process
from tests.proofs.light import use_light_embedder
from tests.proofs.oracle import Oracle
from tests.proofs.seams import SEAMS, Stop, stopped

BROKEN = b"\xff\x00\x00\x01binary"
CHUNK_TOKENS = (40, 24)
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a home on a disk spends its time in fsync
SOURCES = {"kb": ("one", "two"), "other": ("three",)}
NAMES = {
    "one": ("a.md", "b.txt", "sub/c.md", "d.md"),
    "two": ("x.md", "sub/y.txt", "z.md"),
    "three": ("a.md", "only.txt"),
}
QUESTIONS = ("disk amber light", "the pump of hall 3", "release 2 notes notes", "nothing of it")
SENTENCES = (
    "The tray of disk 3 shows an amber light.",
    "Pull the disk, wait ten seconds, put it in again.",
    "The pump of hall 3 is serviced every March, and the pump of hall 4 in June.",
    "Release 2 notes: the light stays green.",
    "Release 2 notes: the light stays green.",
    "Nobody enters hall 4 alone.",
    "Amber means wait; red means stop.",
)


class Crash(Exception):
    """Raised where a process would die."""


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """Return a small document: a version, a few sentences, perhaps headings."""
    head = draw(st.sampled_from(("", "# Manual\n\n", "# Notes\n\n## Hall 3\n\n")))
    version = draw(st.integers(0, 5))
    body = draw(st.lists(st.sampled_from(SENTENCES), min_size=0, max_size=6))
    return f"{head}Version v{version}.\n\n{chr(10).join(sentence + chr(10) for sentence in body)}".encode()


@dataclass(frozen=True)
class View:
    """What a generation should hold, and the size its chunks have."""

    documents: Mapping[str, bytes]
    chunk_tokens: int


@dataclass
class Corpus:
    """What a corpus should be: every view it had, by generation, and which one is live."""

    live: int | None = None
    views: dict[int, View] = field(default_factory=dict)

    @property
    def documents(self) -> Mapping[str, bytes]:
        return self.views[self.live].documents if self.live is not None else {}


class Ingestion(RuleBasedStateMachine):
    """A home with two corpora and their three source folders, and what all of it should be."""

    tally: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="truth-", dir=MEMORY))
        self.oracle = Oracle(self.folder / "scratch", QUESTIONS)
        self.files: dict[str, dict[str, bytes]] = {name: {} for names in SOURCES.values() for name in names}
        self.corpora = {name: Corpus() for name in SOURCES}
        self.written: list[bytes] = []
        self.chunk_tokens = CHUNK_TOKENS[0]
        self.runtime = self.open("home")
        self.unchecked: set[str] = set()
        self.tally["sequences"] += 1

    def open(self, home: str) -> Runtime:
        return open_runtime(self.settings_of(self.folder / home))

    def settings_of(self, home: Path) -> Settings:
        wanted = [f"ingest.chunker.max_tokens={self.chunk_tokens}", "ingest.jobs=1", "ingest.keep_generations=3"]
        return load_settings(overrides=wanted, environ={"RAGWRIGHT_HOME": str(home)})

    # --- the sources ---

    @initialize(first=contents(), second=contents(), third=contents())
    def begin(self, first: bytes, second: bytes, third: bytes) -> None:
        for source, content in zip(self.files, (first, second, third), strict=True):
            self.write(source, NAMES[source][0], content)
        self.run("kb", SOURCES["kb"], prune=False)

    def write(self, source: str, name: str, content: bytes) -> None:
        path = self.folder / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.files[source][name] = content
        self.written.append(content)

    def unlink(self, source: str, name: str) -> bytes:
        (self.folder / source / name).unlink()
        return self.files[source].pop(name)

    @rule(source=st.sampled_from(sorted(NAMES)), place=st.integers(0, 3), content=contents())
    def add_or_edit(self, source: str, place: int, content: bytes) -> None:
        self.write(source, NAMES[source][place % len(NAMES[source])], content)

    @rule(source=st.sampled_from(sorted(NAMES)), place=st.integers(0, 3))
    def break_a_file(self, source: str, place: int) -> None:
        self.write(source, NAMES[source][place % len(NAMES[source])], BROKEN)

    @rule(source=st.sampled_from(sorted(NAMES)), place=st.integers(0, 3), pick=st.integers(0, 99))
    def write_an_earlier_version(self, source: str, place: int, pick: int) -> None:
        self.write(source, NAMES[source][place % len(NAMES[source])], self.written[pick % len(self.written)])

    @rule(source=st.sampled_from(sorted(NAMES)), pick=st.integers(0, 99))
    def delete_a_file(self, source: str, pick: int) -> None:
        names = sorted(self.files[source])
        if not names:
            return
        self.unlink(source, names[pick % len(names)])

    @rule(source=st.sampled_from(sorted(NAMES)), pick=st.integers(0, 99), place=st.integers(0, 3))
    def move_a_file(self, source: str, pick: int, place: int) -> None:
        names, target = sorted(self.files[source]), NAMES[source][place % len(NAMES[source])]
        if not names or target == names[pick % len(names)]:
            return
        self.write(source, target, self.unlink(source, names[pick % len(names)]))

    @rule()
    def change_a_setting_or_change_it_back(self) -> None:
        self.chunk_tokens = next(size for size in CHUNK_TOKENS if size != self.chunk_tokens)
        self.runtime.settings = self.settings_of(self.folder / "home")

    @rule()
    def reopen(self) -> None:
        """End the process, as far as a test can: nothing stays in memory."""
        self.runtime.close()
        self.runtime = self.open("home")
        self.unchecked |= self.corpora.keys()

    # --- runs ---

    @rule(corpus=st.sampled_from(sorted(SOURCES)), prune=st.booleans(), retry=st.booleans())
    def ingest_all(self, corpus: str, prune: bool, retry: bool) -> None:
        sources = self.filled(corpus)
        if not sources:
            return
        self.run(corpus, sources, prune=prune, retry_failed=retry)

    @rule(corpus=st.sampled_from(sorted(SOURCES)), place=st.integers(0, 3), content=contents(), prune=st.booleans())
    def edit_and_ingest(self, corpus: str, place: int, content: bytes, prune: bool) -> None:
        self.add_or_edit(SOURCES[corpus][0], place, content)
        self.ingest_all(corpus, prune, retry=False)

    @rule(prune=st.booleans(), which=st.integers(0, 1))
    def ingest_one_source(self, prune: bool, which: int) -> None:
        if not self.files[SOURCES["kb"][which]]:
            return
        self.run("kb", (SOURCES["kb"][which],), prune=prune)

    @rule(which=st.integers(0, 1))
    def remove_a_source(self, which: int) -> None:
        """Take a source with all of its documents out of the corpus; its files stay where they are."""
        source, state = SOURCES["kb"][which], self.corpora["kb"]
        mine = state.documents.keys() & set(NAMES[source])
        location = str((self.folder / source).resolve())
        if location not in {known.location for known in remembered("kb", self.runtime)[0]}:
            assert not mine, "a source with documents is not remembered"
            return
        removal = remove_source(location, "kb", self.runtime, allow_delete_over=1.0)
        self.tally["sources removed"] += 1
        self.unchecked.add("kb")
        assert removal.documents == len(mine)
        if mine:
            assert state.live is not None
            left = {name: content for name, content in state.documents.items() if name not in mine}
            self.publish("kb", removal.generation, View(left, state.views[state.live].chunk_tokens))

    def filled(self, corpus: str) -> tuple[str, ...]:
        return tuple(source for source in SOURCES[corpus] if self.files[source])

    def run(self, corpus: str, sources: tuple[str, ...], *, prune: bool, retry_failed: bool = False) -> None:
        named = {name: content for source in sources for name, content in self.files[source].items()}
        before, after = self.corpora[corpus], self.expected(corpus, sources, prune)
        options = IngestOptions(prune=prune, allow_delete_over=1.0, retry_failed=retry_failed)
        report = ingest([str(self.folder / source) for source in sources], corpus, self.runtime, options)
        self.tally["runs"] += 1
        self.unchecked.add(corpus)
        assert {failure.doc_id for failure in report.failed} == {x for x in named if named[x] == BROKEN}
        was = before.views[before.live] if before.live is not None else None
        if after == was or (was is None and not after.documents):
            assert report.generation == before.live, "a run without a change made a generation"
            return
        assert report.generation not in before.views, "a change was not published"
        old = was.documents if was else {}
        assert report.added - report.removed == len(after.documents) - len(old)
        assert report.changed == sum(old[x] != after.documents[x] for x in old.keys() & after.documents.keys())
        self.publish(corpus, report.generation, after)

    def expected(self, corpus: str, sources: tuple[str, ...], prune: bool) -> View:
        """Return what a run over some sources leaves: a prune looks only at the names of these."""
        named = {name: content for source in sources for name, content in self.files[source].items()}
        pruned = {name for source in sources for name in NAMES[source]} - named.keys() if prune else set()
        held = self.corpora[corpus].documents
        kept = {name: content for name, content in held.items() if name not in pruned}
        good = {name: content for name, content in named.items() if content != BROKEN}
        return View({**kept, **good}, self.chunk_tokens)

    def publish(self, corpus: str, generation: int | None, view: View) -> None:
        assert generation is not None
        self.corpora[corpus].live = generation
        self.corpora[corpus].views[generation] = view

    # --- crashes ---

    @rule(
        corpus=st.sampled_from(sorted(SOURCES)),
        prune=st.booleans(),
        place=st.integers(0, 3),
        content=contents(),
        seam=st.sampled_from([seam for phase in SEAMS if phase not in ("vacuum", "rollback") for seam in SEAMS[phase]]),
        call=st.sampled_from((1, 1, 1, 2)),
        when=st.sampled_from(("before", "after")),
    )
    def crash_an_ingest(
        self, corpus: str, prune: bool, place: int, content: bytes, seam: str, call: int, when: Any
    ) -> None:
        self.add_or_edit(SOURCES[corpus][0], place, content)  # so that there is something to write
        sources = self.filled(corpus)
        if not sources:
            return
        after = self.expected(corpus, sources, prune)
        before = self.corpora[corpus].live
        with stopped(Stop(seam, call, when), _crash):
            try:
                self.run(corpus, sources, prune=prune)
                return
            except Crash:
                self.tally["crashes"] += 1
                self.unchecked.add(corpus)
        live = self.live(corpus)
        if live is not None and live.id != before:  # it crashed after the flip
            assert seam.endswith("CatalogueWriter.publish") and when == "after"
            self.publish(corpus, live.id, after)

    @rule(
        corpus=st.sampled_from(sorted(SOURCES)),
        seam=st.sampled_from(SEAMS["vacuum"] + SEAMS["discard"]),
        call=st.integers(1, 2),
        when=st.sampled_from(("before", "after")),
    )
    def crash_a_vacuum(self, corpus: str, seam: str, call: int, when: Any) -> None:
        with stopped(Stop(seam, call, when), _crash):
            try:
                self.vacuum_a_corpus(corpus)
            except Crash:
                self.tally["crashes"] += 1
                self.unchecked.add(corpus)

    # --- generations ---

    @rule(corpus=st.sampled_from(sorted(SOURCES)))
    def vacuum_a_corpus(self, corpus: str) -> None:
        vacuum(corpus, self.runtime)
        self.tally["vacuums"] += 1
        self.unchecked.add(corpus)
        kept, live = self.kept(corpus), self.corpora[corpus].live
        assert len(kept) <= 3 and (live is None or live in kept)

    @rule(corpus=st.sampled_from(sorted(SOURCES)), place=st.integers(0, 3), content=contents())
    def regret_an_edit(self, corpus: str, place: int, content: bytes) -> None:
        self.edit_and_ingest(corpus, place, content, prune=False)
        self.roll_back(corpus)

    @rule(corpus=st.sampled_from(sorted(SOURCES)))
    def roll_back(self, corpus: str) -> None:
        state = self.corpora[corpus]
        older = [generation for generation in self.kept(corpus) if state.live is not None and generation < state.live]
        if not older:
            return
        assert rollback(corpus, self.runtime) == older[-1]
        self.tally["rollbacks"] += 1
        state.live = older[-1]
        self.unchecked.add(corpus)

    @rule(corpus=st.sampled_from(sorted(SOURCES)), pick=st.integers(0, 9))
    def promote(self, corpus: str, pick: int) -> None:
        kept = self.kept(corpus)
        if not kept:
            return
        chosen = kept[pick % len(kept)]
        assert rollback(corpus, self.runtime, chosen) == chosen
        self.tally["promotions"] += 1
        self.corpora[corpus].live = chosen
        self.unchecked.add(corpus)

    def kept(self, corpus: str) -> list[int]:
        """Return the generations that may be promoted, oldest first."""
        rows = CatalogueWriter(self.runtime.engine, corpus).generations()
        return [row.id for row in rows if row.status == "published"]

    def live(self, corpus: str) -> Generation | None:
        try:
            return self.runtime.catalogue.live(corpus)
        except CorpusNotFoundError:
            return None

    # --- what is true ---

    @precondition(lambda self: self.unchecked)
    @invariant()
    def every_kept_generation_is_what_it_should_be(self) -> None:
        while self.unchecked:
            corpus = self.unchecked.pop()
            state = self.corpora[corpus]
            live = self.live(corpus)
            assert (live.id if live else None) == state.live
            rows = [row for row in CatalogueWriter(self.runtime.engine, corpus).generations()]
            kept = [row for row in rows if row.status == "published"]
            assert live is None or live.id in {row.id for row in kept}
            for row in kept:
                self.check(Generation(row.id, corpus, row.index_id, row.settings), state.views[row.id])

    def check(self, generation: Generation, view: View) -> None:
        chunker = self.runtime.settings.ingest.chunker.model_copy(update={"max_tokens": view.chunk_tokens})
        ingest_settings = self.runtime.settings.ingest.model_copy(update={"chunker": chunker})
        wanted = self.runtime.settings.model_copy(update={"ingest": ingest_settings})
        expected = self.oracle.scratch.pieces(view.documents, self.runtime.embedder.tokenizer, wanted)
        self.oracle.check(self.runtime, generation, expected)
        self.tally["views of a generation checked"] += 1

    def teardown(self) -> None:
        """Ingest into a fresh home what the corpus ends with, and compare."""
        try:
            self.end()
        finally:
            self.runtime.close()
            shutil.rmtree(self.folder)

    def end(self) -> None:
        for source in SOURCES["kb"]:
            for name in [name for name, content in self.files[source].items() if content == BROKEN]:
                self.unlink(source, name)
        sources = self.filled("kb")
        for which, source in enumerate(SOURCES["kb"]):
            if source not in sources:
                self.remove_a_source(which)
        if not sources:
            return
        self.run("kb", sources, prune=True)
        self.unchecked |= self.corpora.keys()
        self.every_kept_generation_is_what_it_should_be()
        with self.open("fresh") as fresh:
            ingest([str(self.folder / source) for source in sources], "kb", fresh)
            assert _chunks(fresh) == _chunks(self.runtime)


def _crash() -> None:
    raise Crash


def _chunks(runtime: Runtime) -> list[tuple[Any, ...]]:
    pks = [pk for pk, _ in runtime.catalogue.visible_chunks(runtime.catalogue.live("kb"))]
    found = runtime.catalogue.chunks(pks).values()
    return sorted(
        (chunk.doc_id, chunk.span, chunk.chunk_id, chunk.text, chunk.header, chunk.headings) for chunk in found
    )


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """The light embedder, and documents made in this process."""
    light = dict(EMBEDDERS)
    use_light_embedder(light)
    monkeypatch.setitem(EMBEDDERS, "onnx-int8", light["onnx-int8"])
    monkeypatch.setattr(workers.WorkerPool, "outcomes", in_process)


def sequences(count: int, **options: Any) -> settings:
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    return settings(
        max_examples=count, stateful_step_count=20, deadline=None, database=None, suppress_health_check=slow, **options
    )


def tally_of(options: settings) -> str:
    """Run the machine and say how much it did."""

    class Counted(Ingestion):
        tally: ClassVar[Counter[str]] = Counter()

    run_state_machine_as_test(Counted, settings=options)
    return ", ".join(f"{count} {what}" for what, count in Counted.tally.items())


def test_the_indexes_tell_the_truth_after_any_sequence(record_property: Any) -> None:
    record_property("measured", tally_of(sequences(6, derandomize=True)))


@pytest.mark.accept
@pytest.mark.parametrize("part", range(5))
def test_the_indexes_tell_the_truth_after_100_new_sequences(part: int, record_property: Any) -> None:
    record_property("measured", tally_of(sequences(100, print_blob=True)))


# --- the product broken on purpose: each clause must notice -----------------------------------------------------------


def lose_a_chunk(patch: pytest.MonkeyPatch) -> None:
    """A worker's last chunk does not arrive."""

    def losing(pool: workers.WorkerPool, jobs: Any) -> Iterator[workers.Outcome]:
        for outcome in in_process(pool, jobs):
            yield dataclasses.replace(
                outcome, chunks=outcome.chunks[:-1] if len(outcome.chunks) > 1 else outcome.chunks
            )

    patch.setattr(workers.WorkerPool, "outcomes", losing)


def keep_stale_statistics(patch: pytest.MonkeyPatch) -> None:
    """BM25 weights go on counting chunks that were removed, as document frequencies of sparse indexes do elsewhere."""
    publish, ever = Bm25Index.publish, dict[tuple[Path, int], str]()

    def stale(index: Bm25Index, generation: int, seen_by_it: Any) -> None:
        visible, folder = list(seen_by_it), index._folder
        ever.update({(folder, pk): chunk_id for pk, chunk_id in visible})
        try:
            publish(index, generation, [(pk, chunk_id) for (place, pk), chunk_id in ever.items() if place == folder])
        except StateError:  # the counts of one were discarded
            publish(index, generation, visible)
            return
        weights = read_arrays(folder / "weights" / str(generation))
        shape = (len(weights["pks"]), len(weights["vocabulary"]))
        seen = np.isin(weights["pks"], [pk for pk, _ in visible])
        matrix = sparse.csc_array((weights["values"], weights["rows"], weights["starts"]), shape=shape)[seen]
        kept = {
            "values": matrix.data,
            "rows": matrix.indices.astype(np.int32),
            "starts": matrix.indptr.astype(np.int64),
        }
        kept |= {"pks": weights["pks"][seen], "vocabulary": np.array(weights["vocabulary"])}
        write_arrays(folder / "weights" / str(generation), kept)

    patch.setattr(Bm25Index, "publish", stale)


def forget_removals(patch: pytest.MonkeyPatch) -> None:
    """The shard is not told what a generation removed."""
    patch.setattr(EdgeVectorIndex, "set_removed", lambda self, pks, generation: None)


@pytest.mark.parametrize(
    ("fault", "clause"), [(lose_a_chunk, "a"), (keep_stale_statistics, "b"), (forget_removals, "c")]
)
def test_a_fault_in_the_product_is_noticed(fault: Any, clause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    unshrunk = sequences(30, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError, match=rf"^\({clause}\) generation"):
        run_state_machine_as_test(Ingestion, settings=unshrunk)


def test_a_crash_while_a_generation_is_discarded_leaves_none_that_can_be_half_promoted() -> None:
    """Found by the crash test: a rolled-back generation stayed promotable after its erasure was cut short."""
    for seam in SEAMS["discard"]:
        machine = Ingestion()
        try:
            machine.begin(b"# A\n\nfirst\n", b"# X\n\nsecond\n", b"third\n")
            machine.write("one", "a.md", b"# A\n\nedited\n")
            machine.ingest_all("kb", prune=True, retry=False)
            machine.roll_back("kb")
            machine.crash_an_ingest("kb", True, place=1, content=b"new\n", seam=seam, call=1, when="after")
            machine.every_kept_generation_is_what_it_should_be()
        finally:
            machine.teardown()
