"""The gate in front of a flip: a golden set is answered from both generations and the two runs are compared, paired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eval.evidence import Library
from eval.files import json_tree
from eval.gate.policy import GatePolicy, run_gate
from eval.golden import GoldenSet
from eval.paired import PairedDifference
from eval.report.write import write_or_tell
from eval.results.compared import Decision, NoDifference
from eval.runner import Pipeline, Progress, RunOptions, run
from eval.saved import load_run
from ingest.gate import Verdict
from rag.bridge import run_sync
from rag.errors import ConfigError
from rag.settings import Settings
from rag.types import Generation

_SHOWN_CASES = 5


@dataclass(frozen=True, slots=True)
class GoldenGate:
    """`ingest.gate.FlipGate` by a golden set and a policy.

    `pipeline_at` answers from one generation; both runs are written below `folder`, as `GENERATION/live` and
    `GENERATION/candidate`, like any run of `ragwright eval`.
    """

    golden: GoldenSet
    policy: GatePolicy
    pipeline_at: Callable[[Generation], Pipeline]
    library: Library
    folder: Path
    progress: Progress | None = None
    settings: Settings | None = None

    def __post_init__(self) -> None:
        """Pass if the golden set is all that the policy requires.

        Raises:
            ConfigError: it requires another set.
        """
        for rule in self.policy.required:
            if rule.set not in (None, self.golden.name):
                raise ConfigError(
                    f"the policy requires the set {rule.set!r}, but a flip is gated by one set, {self.golden.name!r}; "
                    "give `ingest --gate` a policy without it"
                )

    def __call__(self, live: Generation, candidate: Generation) -> Verdict:
        """Return the verdict of `eval.gate.policy.run_gate` with the live generation as the baseline."""
        runs, unwritten = self.folder / str(candidate.id), list[str]()
        for generation, name in ((live, "live"), (candidate, "candidate")):
            options = RunOptions(ragas=False)
            pipeline = self.pipeline_at(generation)
            asked = run(
                self.golden,
                pipeline,
                live.corpus,
                options=options,
                library=self.library,
                progress=self.progress,
                settings=self.settings,
            )
            unwritten += filter(None, [write_or_tell(run_sync(asked), runs / name).unwritten])
        decision = run_gate(load_run(runs / "live"), load_run(runs / "candidate"), self.policy)
        # The catalogue keeps this: the answers, which quote documents, stay in the folders of the runs.
        details = json_tree(decision) | {"flipped": [item.id for item in decision.flipped], "runs": str(runs)}
        details |= {"unwritten": unwritten} if unwritten else {}
        return Verdict(decision.verdict, _reason(decision), details)


def _reason(decision: Decision) -> str:
    deciding = [
        f"{name}: {_shown(item.difference)}{item.reason}{_cases(name, decision)}"
        for name, item in decision.metrics.items()
        if item.verdict == decision.verdict
    ]
    broken = [f"case {case!r} must pass but is broken" for case in decision.must_pass_broken]
    slices = [f"{item.name}: {item.reason}" for item in decision.required if item.verdict == decision.verdict]
    return "; ".join([*deciding, *broken, *slices, *filter(None, [decision.unsigned])])


def _cases(name: str, decision: Decision) -> str:
    """Return the cases that leave a metric undecided, the first of many."""
    found = decision.undecided[name].cases if name in decision.undecided else ()
    ids = ", ".join(item.id for item in found[:_SHOWN_CASES])
    more = f" and {len(found) - _SHOWN_CASES} more" if len(found) > _SHOWN_CASES else ""
    return f" (cases that differ: {ids}{more})" if found else ""


def _shown(found: PairedDifference | NoDifference) -> str:
    if found.value is None or found.low is None:
        return ""
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}], n={found.n}, "
