"""Runs of golden sets: make one, compare two, let a gate decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from eval.files import JsonTree, json_object
from eval.flows.judges import known_calibrations
from eval.gate.compare import compare_saved, render_comparison
from eval.gate.decision import write_comparison, write_decision
from eval.gate.error_rates import Rates, gate_error_rates, render_error_rates
from eval.gate.flip import GoldenGate
from eval.gate.policy import load_policy, render_gate, run_gate
from eval.golden import GoldenSet, open_golden
from eval.judges.base import Judge
from eval.judges.configured import open_judges
from eval.report.text import render_table
from eval.report.write import write_or_tell
from eval.results import Results
from eval.results.compared import Comparison, Decision
from eval.runner import Progress, Run, RunOptions, run
from eval.saved import SavedRun, load_run
from eval.stats import Verdict
from ingest.gate import FlipGate
from ingest.pipeline import Progress as IngestStep
from ingest.pipeline import ingest
from rag.bridge import run_sync
from rag.errors import ConfigError
from rag.runtime import Runtime
from rag.settings import Settings

Clock = Callable[[], datetime]

_WIDTH = 110


def _quiet(phase: str, done: int, total: int) -> None:
    """Show no progress."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which questions of a golden set are asked: those of a split that meet every `key=value` condition."""

    split: str | None = None
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A finished evaluation in its folder.

    `not_ingested` counts documents of the set that could not be ingested.
    `unwritten` names the pages of the report that could not be made, with the reasons; it is empty if all are there.
    `notes` name the gold passages that moved in the set's documents.
    """

    folder: Path
    results: Results
    not_ingested: int = 0
    unwritten: str = ""
    notes: tuple[str, ...] = ()

    @property
    def page(self) -> Path | None:
        """The report page, or None if it could not be made."""
        page = self.folder / "report.html"
        return page if page.is_file() else None

    @property
    def document(self) -> JsonTree:
        """The content of `results.json`."""
        return json_object(self.results)

    def text(self, width: int = _WIDTH) -> str:
        """Return the scores with their intervals as a terminal table."""
        return render_table(self.results, width)


def evaluate(
    golden: Path,
    corpus: str,
    runtime: Runtime,
    out: Path,
    *,
    selection: Selection = Selection(),
    ingest_first: bool = False,
    options: RunOptions | None = None,
    progress: Progress = _quiet,
    clock: Clock = _now,
) -> Evaluation:
    """Ask a corpus the questions of a golden set, score the answers, and write the report to a folder.

    Args:
        golden: a folder with `questions.jsonl`.
        corpus: the corpus that is asked.
        runtime: an open runtime; its settings say how questions are answered and who judges the answers.
        out: the folder of the run; it is made.
        selection: which questions of the set are asked.
        ingest_first: build the corpus from the set's documents before.
        options: metrics, depth, concurrency and time limit.
        progress: called with the phase, how much of it is done, and how much there is.
        clock: the time, for the report.

    Raises:
        GoldenSetError: the set breaks its schema.
        CorpusNotFoundError: there is nothing to ask.
        ConfigError: a setting is wrong, or the folder cannot be written.
        ReportError: the answers are saved, but no results could be made of them.
    """
    chosen = open_golden(
        golden, home=runtime.home.root, now=clock(), split=selection.split, where=list(selection.where)
    )
    # Found out now, not after an hour of questions.
    _make_folder(out)
    judges, calibrations = open_judges(runtime.settings, runtime.embedder), known_calibrations(runtime.settings)
    failed = _ingest_documents(chosen, corpus, runtime, progress) if ingest_first else 0
    finished = _run(chosen, corpus, runtime, judges, options or RunOptions(), progress)
    written = write_or_tell(finished, out, calibrations)
    return Evaluation(out, written.results, failed, written.unwritten, chosen.notes)


@dataclass(frozen=True, slots=True)
class CompareResult:
    """Paired differences of two runs."""

    found: Comparison

    @property
    def document(self) -> JsonTree:
        """The content of `comparison.json`."""
        return json_object(self.found)

    def text(self, width: int = _WIDTH, *, whole: bool = False) -> str:
        """Return the differences as terminal tables: of the metrics that matter most, or with `whole` of all."""
        return render_comparison(self.found, width, whole)

    def write(self, folder: Path) -> None:
        """Write comparison.json and summary.md.

        Raises:
            ConfigError: the folder cannot be written.
            ReportError: the comparison is there, but not its summary.
        """
        write_comparison(self.found, folder)


def compare_runs(baseline: Path, candidate: Path, *, seed: int = 0) -> CompareResult:
    """Compare two run folders case by case (`eval.gate.compare.compare_saved`).

    Raises:
        ConfigError: one is no run folder, or they asked different questions.
    """
    return CompareResult(compare_saved(load_run(baseline), load_run(candidate), seed=seed))


@dataclass(frozen=True, slots=True)
class GateResult:
    """What a gate decided on two runs."""

    decision: Decision
    baseline: SavedRun
    candidate: SavedRun

    @property
    def document(self) -> JsonTree:
        """The content of `gate.json`."""
        return json_object(self.decision)

    @property
    def verdict(self) -> Verdict:
        """PASS, FAIL or INCONCLUSIVE."""
        return self.decision.verdict

    @property
    def exit_code(self) -> int:
        """The exit code to which the policy maps the verdict."""
        return self.decision.exit_code

    def text(self) -> str:
        """Return the decision as lines of text, the verdict first."""
        return render_gate(self.decision)

    def write(self, folder: Path) -> None:
        """Write gate.json, comparison.json, junit.xml and summary.md.

        Raises:
            ConfigError: the folder cannot be written.
            ReportError: decision and comparison are there, but a page of them is not.
        """
        write_decision(self.decision, compare_saved(self.baseline, self.candidate), folder)


def gate_runs(
    baseline: Path,
    candidate: Path,
    settings: Settings,
    *,
    policy: Path | None = None,
    others: Sequence[Path] = (),
    seed: int = 0,
    clock: Clock = _now,
) -> GateResult:
    """Decide whether a candidate run is no worse than a baseline (`eval.gate.policy.run_gate`).

    Args:
        baseline: the run folder to compare with.
        candidate: the run folder that wants to replace it.
        settings: they say where the calibrations of judges are kept.
        policy: margins and required slices (YAML); None gates the set's primary metric.
        others: run folders of the candidate over further sets that the policy requires.
        seed: of the resampling.
        clock: the time, for the age of calibrations.

    Raises:
        ConfigError: a folder or the policy is wrong, or the runs cannot be paired.
    """
    rules = load_policy(policy)
    old, new = load_run(baseline), load_run(candidate)
    more = [load_run(folder) for folder in others]
    calibrations = known_calibrations(settings)
    decision = run_gate(old, new, rules, others=more, seed=seed, calibrations=calibrations, clock=clock)
    return GateResult(decision, old, new)


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """How often a gate errs on runs like these."""

    rates: Rates

    @property
    def document(self) -> JsonTree:
        """The rates of every gated metric as JSON."""
        return json_object(self.rates)

    @property
    def ok(self) -> bool:
        """Say whether all rates are within their bounds."""
        return self.rates.ok

    def text(self) -> str:
        """Return the rates as lines of text."""
        return render_error_rates(self.rates)


def error_rates(baseline: Path, candidate: Path, *, policy: Path | None = None, repeats: int = 200) -> ErrorRates:
    """Say how often the gate of a policy errs on two run folders (`eval.gate.error_rates`).

    Raises:
        ConfigError: a folder or the policy is wrong, or the runs cannot be paired.
    """
    rules = load_policy(policy)
    return ErrorRates(gate_error_rates(load_run(baseline), load_run(candidate), rules, repeats=repeats))


def flip_gate(
    golden: Path,
    corpus: str,
    runtime: Runtime,
    *,
    policy: Path | None = None,
    split: str | None = None,
    progress: Progress = _quiet,
    clock: Clock = _now,
) -> FlipGate:
    """Return the gate that `ingest` asks before a new generation of a corpus goes live.

    Raises:
        GoldenSetError: the set breaks its schema.
        ConfigError: the policy is wrong, or requires another set.
    """
    chosen = open_golden(golden, home=runtime.home.root, now=clock(), split=split)
    rules, folder = load_policy(policy), runtime.home.gates(corpus)
    return GoldenGate(chosen, rules, runtime.pipeline_at, runtime.catalogue, folder, progress, runtime.settings)


def _run(
    golden: GoldenSet,
    corpus: str,
    runtime: Runtime,
    judges: Sequence[Judge],
    options: RunOptions,
    progress: Progress,
) -> Run:
    asked = run(
        golden,
        runtime.pipeline,
        corpus,
        options=options,
        library=runtime.catalogue,
        verifier=runtime.verifier(),
        embedder=runtime.embedder,
        judges=judges,
        progress=progress,
        settings=runtime.settings,
    )
    return run_sync(asked)


def _ingest_documents(golden: GoldenSet, corpus: str, runtime: Runtime, progress: Progress) -> int:
    """Build the corpus from the set's documents; return how many of them failed."""

    def report(step: IngestStep) -> None:
        progress(step.stage, step.done, step.total)

    return len(ingest([str(golden.documents)], corpus, runtime, None, report).failed)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write the report to {folder}: {error.strerror}") from error
