"""Calibration: how a judge's scores agree with people's labels, as a record that gates and reports can look up."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from eval.files import json_tree
from eval.judges.agreement import cohen_kappa, krippendorff_alpha, rank_correlation, sensitivity, specificity
from eval.judges.base import Judge, Material, judged
from eval.judges.corrected import moments
from eval.judges.labels import Labelled, check_ids
from eval.judges.scoring import metric_name
from eval.metrics.base import Unmeasured, Value
from eval.results import (
    Agreement,
    CalibrationRecord,
    Confusion,
    Figure,
    JudgedBy,
    LabelsFile,
    read_calibration,
)
from eval.saved import SavedRun
from eval.stats import DIFFERENCE, Estimate, mean_interval, wilson
from rag.errors import ConfigError, UnknownKeyError
from rag.shapes.rows import RowJson

_FEWEST = 10


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge said about one labelled item; `reversed` with its passages in reverse order (None: not asked)."""

    item: Labelled
    score: Value
    reversed: Value | None = None


async def ask(judge: Judge, metric: str, items: Sequence[Labelled], *, order: bool) -> list[Judgement]:
    """Let a judge score labelled items, and with `order` those with several passages once more in reverse order.

    Raises:
        ConfigError: cassettes cannot be read or written.
    """
    gate = asyncio.Semaphore(judge.concurrency)

    async def one(item: Labelled) -> Judgement:
        async with gate:
            score, _ = await judged(judge, metric, item.material)
            turned = _turned(item.material) if order else None
            again = (await judged(judge, metric, turned))[0] if turned else None
            return Judgement(item, score, again)

    return list(await asyncio.gather(*(one(item) for item in items)))


def scores_of_run(
    labels: Sequence[Labelled], run: SavedRun, judge: str, metric: str
) -> tuple[Judging, list[Judgement]]:
    """Return who judged a metric of a run, and its scores of the labelled rows.

    Raises:
        ConfigError: the run has no such judge or metric, or a labelled id is not in it.
    """
    name, rows = metric_name(judge, metric), check_ids(labels, run)
    judged_ones = {key: entry.judge for key, entry in run.results.metrics.items() if entry.judge is not None}
    if name not in judged_ones:
        raise UnknownKeyError("judged metric", name, list(judged_ones))
    return judging_by(judged_ones[name]), [_of_row(item, rows[item.id], name) for item in labels]


def _of_row(item: Labelled, row: RowJson, name: str) -> Judgement:
    score = row.metrics.get(name)
    material = Material(row.question, row.answer or None)
    return Judgement(
        replace(item, material=material), Unmeasured(row.unmeasured.get(name, "")) if score is None else score
    )


def calibrate(judgements: Sequence[Judgement], *, threshold: float) -> Agreement:
    """Return how scores and labels agree; a label or score of `threshold` or more counts as true.

    Raises:
        ConfigError: fewer than ten items were measured.
    """
    measured = [(item, item.score) for item in judgements if not isinstance(item.score, Unmeasured)]
    reasons = Counter(item.score.reason for item in judgements if isinstance(item.score, Unmeasured))
    if len(measured) < _FEWEST:
        first = f": {reasons.most_common(1)[0][0]}" if reasons else ""
        raise ConfigError(
            f"{len(measured)} of {len(judgements)} labelled items were scored, {_FEWEST} are needed{first}"
        )
    labels, scores = [item.item.label for item, _ in measured], [score for _, score in measured]
    truth, said = [label >= threshold for label in labels], [score >= threshold for score in scores]
    base, agreed = wilson(sum(truth), len(truth)), wilson(sum(map(bool.__eq__, truth, said)), len(truth))
    turned = [(score, item.reversed) for item, score in measured if isinstance(item.reversed, float)]
    return Agreement(
        items=len(judgements),
        n=len(measured),
        unmeasured=dict(reasons),
        threshold=threshold,
        annotators=max(len(item.item.labels) for item, _ in measured),
        kappa=_figure(cohen_kappa(truth, said)),
        alpha=krippendorff_alpha([labels, scores]),
        human_alpha=krippendorff_alpha(_by_annotator([item.item for item, _ in measured])),
        base_rate=_figure(base),
        judge_rate=_figure(wilson(sum(said), len(said))),
        accuracy=_figure(agreed),
        constant_accuracy=max(base.value, 1 - base.value),
        sensitivity=_figure(sensitivity(truth, said)),
        specificity=_figure(specificity(truth, said)),
        position_bias=_figure(_position_shift(turned)),
        position_flips=_figure(_position_flips(turned, threshold)),
        length_bias=_figure(_length_bias(measured)),
        moments=moments(labels, scores),
        confusion=_confusion(truth, said),
    )


@dataclass(frozen=True, slots=True)
class Judging:
    """Who judged what; equal fingerprints mean the same model, asked in the same words."""

    judge: str
    model: str
    metric: str
    fingerprint: str


def judging_by(judged: JudgedBy) -> Judging:
    """Return who judged a metric, as the results of a run say."""
    return Judging(judged.judge, judged.model, judged.metric, judged.fingerprint)


def calibration_record(judging: Judging, agreement: Agreement, labels: Path, now: datetime) -> CalibrationRecord:
    """Return the record of a calibration: who judged what, when, by which labels, and the figures; no text.

    Raises:
        ConfigError: the labels cannot be read.
    """
    try:
        digest = hashlib.sha256(labels.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"cannot read the labels {labels}: {error.strerror}") from error
    file = LabelsFile(labels.name, digest)
    return CalibrationRecord(
        judging.judge, judging.model, judging.metric, judging.fingerprint, now.isoformat(), file, agreement
    )


def append_record(path: Path, record: CalibrationRecord) -> None:
    """Add a record to the calibrations.

    Raises:
        ConfigError: they cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(json_tree(record), ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        raise ConfigError(f"cannot write the calibration to {path}: {error.strerror}") from error


def read_records(path: Path) -> tuple[CalibrationRecord, ...]:
    """Return the calibrations in the order they were made; none where there is no file.

    Raises:
        ConfigError: the file is damaged.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return tuple(read_calibration(json.loads(line)) for line in lines if line.strip())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise ConfigError(f"the calibrations in {path} are damaged: {' '.join(str(error).split())}") from error


def latest_record(records: Iterable[CalibrationRecord], judging: Judging) -> CalibrationRecord | None:
    """Return the newest calibration of this model and wording, else of the judge's name and metric, or None."""
    by_age = sorted(records, key=lambda record: record.at, reverse=True)
    same = [record for record in by_age if record.fingerprint == judging.fingerprint]
    named = [record for record in by_age if (record.judge, record.metric) == (judging.judge, judging.metric)]
    return next(iter([*same, *named]), None)


def _turned(material: Material) -> Material | None:
    if material.contexts is None or len(material.contexts) < 2:
        return None
    return replace(material, contexts=material.contexts[::-1])


def _by_annotator(items: Sequence[Labelled]) -> list[list[float | None]]:
    most = max(len(item.labels) for item in items)
    return [[item.labels[i] if i < len(item.labels) else None for item in items] for i in range(most)]


def _position_shift(turned: Sequence[tuple[float, float]]) -> Estimate | None:
    return mean_interval([after - before for before, after in turned], limits=DIFFERENCE) if turned else None


def _position_flips(turned: Sequence[tuple[float, float]], threshold: float) -> Estimate | None:
    flips = sum((before >= threshold) != (after >= threshold) for before, after in turned)
    return wilson(flips, len(turned)) if turned else None


def _length_bias(measured: Sequence[tuple[Judgement, float]]) -> Estimate | None:
    lengths = [float(len(item.item.material.answer or "")) for item, _ in measured]
    return rank_correlation(lengths, [score - item.item.label for item, score in measured])


def _confusion(truth: Sequence[bool], said: Sequence[bool]) -> Confusion:
    pairs = Counter(zip(truth, said, strict=True))
    return Confusion(
        pairs[True, True] + pairs[True, False], pairs[True, True], pairs[False, True] + pairs[False, False],
        pairs[False, False],
    )  # fmt: skip


def _figure(estimate: Estimate | None) -> Figure | None:
    return None if estimate is None else Figure(estimate.value, estimate.n, estimate.low, estimate.high)
