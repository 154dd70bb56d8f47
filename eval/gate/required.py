"""What a gate asks of the candidate alone: slices and sets that must come out well, and a person's sign-off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from eval.files import read_yaml
from eval.golden.slices import SLICES, row_in
from eval.results.compared import RequiredResult
from eval.saved import SavedRun
from eval.stats import Verdict, pass_rate_bounds, trials_needed
from rag.errors import ConfigError
from rag.shapes.rows import RowJson


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RequiredSlice(_Strict):
    """Cases that must come out unbroken: all of them, or, by the exact one-sided 95 % bound, more than `pass_rate`.

    `where` names values of `eval.golden.slices.SLICES`, e.g. `tag: high-risk`; without it all cases are meant. `set`
    names another golden set, which the candidate must have answered in a run of its own. A slice with fewer than
    `min_cases` cases fails, so that losing the questions does not pass for answering them.
    """

    name: str = Field(min_length=1)
    set: str | None = Field(default=None, min_length=1)
    where: Mapping[str, str | bool] = Field(default_factory=dict)
    pass_rate: float = Field(default=1.0, gt=0, le=1)
    min_cases: int = Field(default=1, ge=1)

    @field_validator("where")
    @classmethod
    def _known(cls, where: Mapping[str, str | bool]) -> Mapping[str, str | bool]:
        for key in where:
            if key not in SLICES:
                raise ValueError(f"unknown dimension {key!r}; choose one of: {', '.join(sorted(SLICES))}")
        return where


class SignOffPolicy(_Strict):
    """A person must have approved the candidate's settings in `file`, relative to the policy; `by` says who may."""

    file: Path
    by: tuple[str, ...] = ()


class SignOff(_Strict):
    """One approval: who, of which settings (the fingerprint that a run's results and `ragwright gate` show), when."""

    candidate: str = Field(min_length=8)
    by: str = Field(pattern=r"\S")
    at: date
    note: str = ""


class SignOffs(_Strict):
    """The sign-off file."""

    sign_offs: tuple[SignOff, ...] = ()


def decide_required(
    candidate: SavedRun, rules: Sequence[RequiredSlice], others: Sequence[SavedRun] = ()
) -> tuple[RequiredResult, ...]:
    """Return for each slice its verdict, reason, counts, the exact bounds and the cases that broke.

    `others` are runs of the candidate over further sets; one that was made otherwise does not count.

    Raises:
        ConfigError: two runs are over the same set.
    """
    runs = _by_set([candidate, *others])
    return tuple(_decide_in(runs, candidate, rule) for rule in rules)


def missing_sign_off(candidate: SavedRun, policy: SignOffPolicy) -> str | None:
    """Return why nobody has signed the candidate, or None if somebody has who may.

    Raises:
        ConfigError: the file is unreadable or wrong.
    """
    settings = candidate.results.settings
    if settings is None:
        return "the candidate's rows were made with several settings, which nobody can sign for"
    if not policy.file.exists():
        return f"nobody has signed for {settings}: there is no {policy.file}"
    found = read_yaml(policy.file, SignOffs, "the sign-off file").sign_offs
    signed = [item for item in found if item.candidate == settings]
    if any(not policy.by or item.by in policy.by for item in signed):
        return None
    if signed:
        names = ", ".join(sorted({item.by for item in signed}))
        return f"{names} signed for {settings}, but only these may: {', '.join(policy.by)}"
    return f"nobody has signed for {settings} in {policy.file}"


def _by_set(runs: Sequence[SavedRun]) -> dict[str, SavedRun]:
    found: dict[str, SavedRun] = {}
    for run in runs:
        name = run.results.set.name
        if name in found:
            raise ConfigError(f"two runs are over the set {name!r}: {found[name].folder} and {run.folder}; give one")
        found[name] = run
    return found


def _decide_in(runs: Mapping[str, SavedRun], candidate: SavedRun, rule: RequiredSlice) -> RequiredResult:
    """Decide a rule on the run over its set, if the candidate made it."""
    run = candidate if rule.set is None else runs.get(rule.set)
    if run is None:
        reason = f"no run over the set {rule.set!r} was given; evaluate it and name its folder with --with"
        return replace(_decide(rule, []), reason=reason)
    for key in ("settings", "generation", "corpus"):
        made, wanted = getattr(run.results, key), getattr(candidate.results, key)
        if made != wanted:
            reason = f"the run over {rule.set!r} was made with {key} {made!r}, the candidate with {wanted!r}"
            return replace(_decide(rule, []), reason=reason)
    return _decide(rule, [row for row in run.rows if row_in(row, rule.where)])


def _decide(rule: RequiredSlice, rows: Sequence[RowJson]) -> RequiredResult:
    broken = tuple(row.id for row in rows if row.broken)
    n, passed = len(rows), len(rows) - len(broken)
    low, high = pass_rate_bounds(passed, n) if n else (None, None)
    verdict, reason = _verdict(rule, n, len(broken), low, high)
    return RequiredResult(
        name=rule.name,
        set=rule.set,
        where=dict(rule.where),
        verdict=verdict,
        reason=reason,
        pass_rate=rule.pass_rate,
        n=n,
        passed=passed,
        low=low,
        high=high,
        broken=broken,
    )


def _verdict(rule: RequiredSlice, n: int, broken: int, low: float | None, high: float | None) -> tuple[Verdict, str]:
    if n < rule.min_cases or low is None or high is None:
        return "FAIL", f"{n} cases are in the slice; at least {rule.min_cases} are needed"
    if rule.pass_rate == 1:
        return (
            ("FAIL", f"{broken} of {n} cases broke, none may") if broken else ("PASS", f"all {n} cases came out well")
        )
    counted = f"{n - broken} of {n} cases came out well"
    if low > rule.pass_rate:
        return "PASS", f"{counted}, which shows more than {rule.pass_rate:.1%}"
    if high < rule.pass_rate:
        return "FAIL", f"{counted}, fewer than {rule.pass_rate:.1%}"
    more = trials_needed(broken, rule.pass_rate) - n
    return "INCONCLUSIVE", f"{counted}; {more} more without a broken one would show more than {rule.pass_rate:.1%}"
