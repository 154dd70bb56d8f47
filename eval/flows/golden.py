"""Golden sets: check one, see what it misses, make one from a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.files import JsonTree, json_object
from eval.golden import GoldenSet, load_golden
from eval.golden.coverage import SetCoverage, coverage_of, document_use, render_coverage
from eval.golden.export import check_new, write_set
from eval.golden.intents import SIMILARITY, Intent, intents
from eval.golden.leakage import Leak as Leak
from eval.golden.leakage import leaks
from eval.golden.places import marked_difference
from eval.golden.question_log import read_traffic
from eval.golden.synthesis import Search, Synthesis, SynthesisOptions, synthesize
from eval.golden.synthesis.cases import made_by
from eval.golden.synthesis.draft import Draft
from eval.golden.synthesis.model import model_drafts
from rag.bridge import run_sync
from rag.pipeline import Request
from rag.runtime import Runtime
from rag.types import Hit

Progress = Callable[[str, int, int], None]


def _quiet(phase: str, done: int, total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class SetCheck:
    """A set that fits its schema, and the questions and clusters that two of its cases share."""

    golden: GoldenSet
    leaks: tuple[Leak, ...]

    @property
    def across(self) -> tuple[Leak, ...]:
        """Those that stand in different splits."""
        return tuple(leak for leak in self.leaks if leak.across)

    def difference(self, leak: Leak) -> str:
        """Return the first question with what the second says otherwise marked; "" where a cluster is shared."""
        if leak.kind == "same cluster":
            return ""
        questions = {case.id: case.question for case in self.golden.cases}
        return marked_difference(questions[leak.first], questions[leak.second])


def check_set(folder: Path) -> SetCheck:
    """Read a set strictly, and look for questions and clusters that its splits share.

    Raises:
        GoldenSetError: the set breaks its schema; `problems` names every place.
    """
    golden = load_golden(folder)
    return SetCheck(golden, tuple(leaks(golden.cases)))


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of a corpus, and of real questions, a set touches."""

    found: SetCoverage

    @property
    def document(self) -> JsonTree:
        """The shares with their intervals, and what is not covered, as JSON."""
        return json_object(self.found)

    def text(self) -> str:
        """Return the shares, then what is missing, the largest first."""
        return render_coverage(self.found)


def set_coverage(
    golden: Path, corpus: str, runtime: Runtime, *, asked: Path | None = None, similarity: float | None = None
) -> Coverage:
    """Say which documents, sections and intents no case of a set touches.

    Args:
        golden: a folder with `questions.jsonl`.
        corpus: the corpus that the set asks about.
        runtime: an open runtime.
        asked: a file of real questions; without one nothing is said of intents.
        similarity: from which cosine (0..1) on two questions are one intent; None takes the default.

    Raises:
        GoldenSetError: the set or the questions are malformed.
        CorpusNotFoundError: there is no such corpus.
    """
    chosen = load_golden(golden)
    uses = document_use(chosen, runtime.catalogue.documents(runtime.catalogue.live(corpus)))
    found = None if asked is None else _intents(chosen, asked, similarity, runtime)
    return Coverage(coverage_of(chosen, uses, found, corpus))


@dataclass(frozen=True, slots=True)
class SyntheticSet:
    """A set that was made and written: how many cases of each template or change, and what was dropped and why."""

    golden: GoldenSet
    cases: int
    drafts: int
    made: Counter[str]
    dropped: Counter[str]


def synthesise(
    corpus: str,
    runtime: Runtime,
    out: Path,
    options: SynthesisOptions | None = None,
    *,
    model: bool = False,
    progress: Progress = _quiet,
) -> SyntheticSet:
    """Write a golden set of questions made from a corpus (`eval.golden.synthesis`).

    Args:
        corpus: the corpus whose documents are asked about.
        runtime: an open runtime; its search says whether a question finds its place.
        out: the new folder.
        options: how many cases, of which kinds.
        model: let the configured language model write the questions, not the templates.
        progress: called with the phase, how much of it is done, and how much there is.

    Raises:
        ConfigError: the folder holds something, or nothing can be made of the documents.
        CorpusNotFoundError: there is no such corpus.
        GeneratorError: the model answered no call.
    """
    check_new(out)
    made = run_sync(_synthesis(corpus, runtime, options or SynthesisOptions(), model, progress))
    golden = write_set(out, made.cases, made.documents)
    counts = Counter(map(made_by, made.cases))
    return SyntheticSet(golden, len(made.cases), made.drafts, counts, made.dropped)


async def _synthesis(
    corpus: str, runtime: Runtime, options: SynthesisOptions, model: bool, progress: Progress
) -> Synthesis:
    documents = list(runtime.catalogue.documents(runtime.catalogue.live(corpus)))
    written: list[Draft] | None = None
    dropped: Counter[str] = Counter()
    if model:
        chat = runtime.models.answering(runtime.settings.answer)
        written = await model_drafts(documents, chat, options.n, options.seed, dropped, progress)
    made = await synthesize(documents, _search(corpus, runtime), options, written, progress)
    made.dropped.update(dropped)
    return made


def _search(corpus: str, runtime: Runtime) -> Search:
    retrieval = runtime.settings.retrieval
    depth = retrieval.candidates * len(retrieval.retrievers)

    async def find(question: str) -> Sequence[Hit]:
        return (await runtime.pipeline.search(Request(question, corpus, top_k=depth))).hits

    return find


def _intents(golden: GoldenSet, asked: Path, similarity: float | None, runtime: Runtime) -> list[Intent]:
    questions = [row.question for row in read_traffic(asked)]
    near = SIMILARITY if similarity is None else similarity
    return intents(questions, golden.cases, lambda texts: runtime.embedder.embed(texts).vectors, similarity=near)
