"""Three folders with the same names inside feed one corpus: they change, are pruned in any order, and runs are killed.

After every command the live generation must hold, of every source, what its last run that ended published: a prune of
one source, killed or not, alone or beside another run, never takes or replaces a document of another.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ingest.store.catalogue import CatalogueWriter
from rag.state.engine import open_catalogue
from rag.state.home import Home
from rag.state.reader import SqlCatalogue
from tests.proofs.crashes import KILLED, Ended, Launcher
from tests.proofs.seams import SEAMS, Stop

CORPUS = "kb"
PREFIXES = {"plain": "", "second": "b", "third": "b/c"}
NAMES = ("a.md", "guide.md", "sub/b.md", "sub/c.txt", "rows/one.md")
_SEAMS = [seam for phase in ("partition", "embed", "write", "flip") for seam in SEAMS[phase]]
_BUSY = 1

Texts = dict[str, str]
"""Name in a source, or doc_id, -> text."""


@dataclass
class Tally:
    """What was done and found; `lost` must stay empty."""

    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    def summary(self) -> str:
        told = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        return f"{told}, {len(self.lost)} lost"


class ManySources:
    """One home, three sources, two launchers that may run at the same time."""

    def __init__(self, folder: Path, launchers: Sequence[Launcher], home: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.folder, self.launchers = folder, launchers
        self.catalogue = SqlCatalogue(open_catalogue(Home(home)))
        self.files: dict[str, Texts] = {name: {} for name in PREFIXES}
        self.published: dict[str, Texts] = {name: {} for name in PREFIXES}
        self.tally = Tally()
        for source in PREFIXES:
            for name in NAMES[:3]:
                self._write(source, name)
            self._run(source, prune=False)

    def round(self) -> None:
        """Change the sources, run one or two commands, and look at what is live."""
        self.tally.counts["rounds"] += 1
        for source in PREFIXES:
            self._change(source)
        chosen = self.rng.sample(sorted(PREFIXES), 2)
        if self.rng.random() < 0.25:
            self._run_two(chosen)
        elif self.rng.random() < 0.2:
            self._run(None, prune=True, stop=self._stop())
        else:
            for source in chosen:
                self._run(source, prune=self.rng.random() < 0.8, stop=self._stop())

    # --- the sources ---

    def _change(self, source: str) -> None:
        for name in self.rng.sample(NAMES, 2):
            if name in self.files[source] and len(self.files[source]) > 1 and self.rng.random() < 0.5:
                (self.folder / source / name).unlink()
                del self.files[source][name]
            else:
                self._write(source, name)

    def _write(self, source: str, name: str) -> None:
        text = f"# {name}\n\nVersion {self.rng.randrange(10**6)} of {source}.\n"
        path = self.folder / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.files[source][name] = text

    # --- runs ---

    def _stop(self) -> Stop | None:
        if self.rng.random() < 0.5:
            return None
        return Stop(self.rng.choice(_SEAMS), 1, self.rng.choice(("before", "after")))

    def _arguments(self, source: str | None, prune: bool) -> list[str]:
        named = [str(self.folder / source)] if source else []
        prefix = ["--prefix", PREFIXES[source]] if source and PREFIXES[source] else []
        pruning = ["--prune", "--allow-delete-over", "1"] if prune else []
        return ["ingest", *named, "--corpus", CORPUS, *prefix, *pruning, "--jobs", "1"]

    def _run(self, source: str | None, *, prune: bool, stop: Stop | None = None) -> None:
        before = self._live()
        ended = self.launchers[0].run(self._arguments(source, prune), stop)
        told = f"ingest of {source or 'all'}{' with a prune' if prune else ''}, exit {ended.code}, {stop}"
        self._count(ended, prune)
        # A run that was killed after the flip has published all the same.
        if ended.code == 0 or self._live() != before:
            for name in [source] if source else PREFIXES:
                self._publish(name, prune)
        elif ended.code != KILLED:
            self.tally.lost.append(f"{told}: {ended.log[-400:]}")
        self._check(told)

    def _run_two(self, chosen: Sequence[str]) -> None:
        with ThreadPoolExecutor(len(chosen)) as pool:
            orders = [self._arguments(source, True) for source in chosen]
            ended = list(pool.map(lambda pair: pair[0].run(pair[1]), zip(self.launchers, orders, strict=False)))
        for source, one in zip(chosen, ended, strict=True):
            self._count(one, prune=True)
            if one.code == 0:
                self._publish(source, prune=True)
            elif one.code != _BUSY or "another process is writing" not in one.log:
                self.tally.lost.append(f"{source} beside another, exit {one.code}: {one.log[-400:]}")
        self.tally.counts["runs beside another"] += 1
        self._check(f"two prunes at once, of {' and '.join(chosen)}")

    def _count(self, ended: Ended, prune: bool) -> None:
        self.tally.counts["prunes" if prune else "runs without a prune"] += 1
        self.tally.counts["kills"] += ended.code == KILLED

    def _publish(self, source: str, prune: bool) -> None:
        kept = {} if prune else self.published[source]
        self.published[source] = {**kept, **self.files[source]}

    # --- what is live ---

    def _live(self) -> int | None:
        live = CatalogueWriter(self.catalogue.engine, CORPUS).live()
        return live.id if live else None

    def _check(self, when: str) -> None:
        live = CatalogueWriter(self.catalogue.engine, CORPUS).live()
        found = {x.doc_id: x.text for x in self.catalogue.documents(live)} if live else {}
        wanted = {
            f"{PREFIXES[source]}/{name}".lstrip("/"): text
            for source, texts in self.published.items()
            for name, text in texts.items()
        }
        wrong = sorted({doc_id for doc_id, _ in found.items() ^ wanted.items()})
        self.tally.counts["documents compared"] += len(wanted)
        if wrong:
            self.tally.lost.append(f"after {when}: {wrong}")
