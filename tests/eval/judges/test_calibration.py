"""Calibration: labels in, figures out, records kept and found; real HTTP for the judge, and the verifier as one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eval.files import json_tree
from eval.judges.calibration import (
    Judgement,
    Judging,
    append_record,
    ask,
    calibrate,
    calibration_record,
    latest_record,
    read_records,
    scores_of_run,
)
from eval.judges.calibration_text import render_calibration
from eval.judges.labels import Labelled, read_labels
from eval.judges.lexical import LexicalJudge
from eval.metrics.base import Unmeasured
from eval.results import Confusion, read_results
from eval.saved import SavedRun
from rag.errors import ConfigError, UnknownKeyError
from tests.eval.judges.conftest import Opener
from tests.eval.judges.scripted import Said, Script
from tests.eval.lines import line

NOW = datetime(2026, 5, 1, tzinfo=UTC)
JUDGING = Judging("strict", "big", "faithfulness", "f" * 12)


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def item(id: str, *labels: float, answer: str = "At 30 degrees.", contexts: tuple[str, ...] = ("a", "b")) -> Labelled:
    from eval.judges.base import Material

    return Labelled(id, labels, Material("How hot?", answer, contexts))


def judgements(pairs: list[tuple[float, float]]) -> list[Judgement]:
    return [Judgement(item(str(i), label, answer="x" * i), score) for i, (label, score) in enumerate(pairs)]


def test_the_figures_of_a_hand_worked_table() -> None:
    # Wikipedia's table of kappa: 20 both true, 5 only people, 10 only the judge, 15 both false
    pairs = [(1.0, 0.9)] * 20 + [(1.0, 0.2)] * 5 + [(0.0, 0.5)] * 10 + [(0.0, 0.0)] * 15
    found = calibrate(judgements(pairs), threshold=0.5)
    assert found.kappa.value == pytest.approx(0.4) and found.kappa.n == found.n == 50
    assert found.accuracy.value == 0.7 and found.constant_accuracy == 0.5
    assert (found.sensitivity.value, found.specificity.value) == (0.8, 0.6)
    assert (found.base_rate.value, found.judge_rate.value) == (0.5, 0.6)
    assert found.confusion == Confusion(true=25, called_true=20, false=25, called_false=15)
    assert found.moments.human == 0.5 and found.moments.n == 50
    assert found.position_bias is None and found.human_alpha is None
    json.dumps(json_tree(found), allow_nan=False)


def test_several_people_are_averaged_and_compared_among_themselves() -> None:
    items = [item(str(i), *([1.0, 1.0, 0.0] if i % 2 else [0.0, 0.0])) for i in range(12)]
    found = calibrate([Judgement(one, float(i % 2)) for i, one in enumerate(items)], threshold=0.5)
    assert found.annotators == 3 and found.kappa.value == 1.0
    assert 0 < found.human_alpha < 1 and found.moments.human == pytest.approx(1 / 3)


def test_a_judge_that_likes_length_shows_it() -> None:
    longer = [Judgement(item(str(i), 0.5, answer="x" * (i + 1)), i / 40) for i in range(40)]
    bias = calibrate(longer, threshold=0.5).length_bias
    assert bias.value == pytest.approx(1.0)
    shuffled = [Judgement(item(str(i), 0.5, answer="x" * (i * 7 % 40 + 1)), i * 3 % 40 / 40) for i in range(40)]
    bias = calibrate(shuffled, threshold=0.5).length_bias
    assert bias.low < 0 < bias.high


async def test_passages_are_shown_in_both_orders(opened: Opener, script: Script) -> None:
    """This judge believes only what comes first."""
    script.on('"context": "a', Said(text='{"rating": 2}'))
    script.on('"context": "b', Said(text='{"rating": 1}'))
    items = [item(str(i), 1.0, answer=f"It is {i}.") for i in range(12)] + [item("one", 1.0, contexts=("a",))]
    judged = await ask(opened(judge__metrics="[response_groundedness]"), "response_groundedness", items, order=True)
    found = calibrate(judged, threshold=0.75)
    assert found.position_bias.value == -0.5 and found.position_bias.n == 12
    assert found.position_flips.value == 1.0
    asked = len(script.requests)
    again = await ask(opened(judge__metrics="[response_groundedness]"), "response_groundedness", items, order=False)
    assert len(script.requests) - asked == asked // 2 + 1 and all(one.reversed is None for one in again)


async def test_items_that_the_judge_cannot_score_are_counted(opened: Opener, script: Script) -> None:
    script.on("It is 3.", Said(refusal="no"))
    items = [item(str(i), 1.0, answer=f"It is {i}.") for i in range(12)]
    judged = await ask(opened(judge__metrics="[response_groundedness]"), "response_groundedness", items, order=False)
    found = calibrate(judged, threshold=0.5)
    assert (found.items, found.n) == (12, 11)
    assert found.unmeasured == {"judge 'strict': refused: 'no'": 1}


def test_too_few_scores_calibrate_nothing() -> None:
    lost = [Judgement(item(str(i), 1.0), Unmeasured("HTTP 500")) for i in range(12)]
    with pytest.raises(ConfigError, match="0 of 12 labelled items were scored, 10 are needed: HTTP 500"):
        calibrate(lost, threshold=0.5)


def test_labels_are_read_strictly(tmp_path: Path) -> None:
    path = write(
        tmp_path / "l.jsonl",
        {"id": "a", "human": True, "answer": "A.", "contexts": ["x"]},
        {"id": "b", "human": [1, 4, 2.5], "question": "q?", "ignored": 1},
    )
    first, second = read_labels(path, (1, 4))
    assert first.labels == (1.0,) and first.material.contexts == ("x",)
    assert second.labels == pytest.approx((0.0, 1.0, 0.5)) and second.label == pytest.approx(0.5)
    for row, problem in (
        ({"id": "a", "human": 3}, r"l.jsonl:1: human: 3.0 is not on the scale 0..1 \(--scale\)"),
        ({"id": "a"}, "l.jsonl:1: human: Field required"),
        ({"id": "a", "human": []}, "is not on the scale"),
    ):
        with pytest.raises(ConfigError, match=problem):
            read_labels(write(path, row))
    with pytest.raises(ConfigError, match="'a' was used before"):
        read_labels(write(path, {"id": "a", "human": 1}, {"id": "a", "human": 1}))
    path.write_text("{")
    with pytest.raises(ConfigError, match="l.jsonl:1: not a JSON object"):
        read_labels(path)
    path.write_text("\n")
    with pytest.raises(ConfigError, match="holds no label"):
        read_labels(path)
    with pytest.raises(ConfigError, match="cannot read"):
        read_labels(tmp_path / "none")


def saved_run() -> SavedRun:
    name = "ragas.faithfulness@strict"
    about = {"judge": "strict", "model": "big", "metric": "faithfulness", "fingerprint": "f" * 12}
    results = {
        "set": {"name": "s", "sha256": "f"}, "primary": "nDCG@10",
        "metrics": {name: {"judge": about}, "nDCG@10": {"judge": None}},
    }  # fmt: skip
    rows = tuple(
        line({"id": str(i), "question": "q?", "answer": "A" * i, "metrics": {name: None if i == 3 else i / 12},
         "unmeasured": {name: "HTTP 500"} if i == 3 else {}})
        for i in range(12)
    )  # fmt: skip
    return SavedRun(Path("run"), read_results(results), rows)


def test_the_scores_of_a_run_can_be_labelled_afterwards() -> None:
    labels = [item(str(i), float(i > 5)) for i in range(12)]
    judging, judged = scores_of_run(labels, saved_run(), "strict", "faithfulness")
    assert judging == JUDGING
    found = calibrate(judged, threshold=0.5)
    assert (found.n, found.unmeasured) == (11, {"HTTP 500": 1})
    assert found.kappa.value == 1.0 and found.length_bias is not None
    with pytest.raises(ConfigError, match="1 labelled ids are not in run, first 'x'"):
        scores_of_run([item("x", 1.0)], saved_run(), "strict", "faithfulness")
    with pytest.raises(UnknownKeyError, match=r"choose one of: ragas\.faithfulness@strict"):
        scores_of_run(labels, saved_run(), "kind", "faithfulness")


def test_records_are_kept_and_the_newest_that_fits_is_found(tmp_path: Path) -> None:
    path, labels = tmp_path / "home" / "c.jsonl", write(tmp_path / "l.jsonl", {"id": "a", "human": 1})
    assert read_records(path) == ()
    figures = calibrate(judgements([(1.0, 1.0)] * 6 + [(0.0, 0.0)] * 6), threshold=0.5)
    for month, judging in ((1, JUDGING), (3, JUDGING), (4, Judging("strict", "small", "faithfulness", "0" * 12))):
        append_record(path, calibration_record(judging, figures, labels, NOW.replace(month=month)))
    records = read_records(path)
    assert [record.at[5:7] for record in records] == ["01", "03", "04"]
    assert "At 30" not in path.read_text() and len(records[0].labels.sha256) == 64
    assert latest_record(records, JUDGING).at[5:7] == "03"  # type: ignore[index]
    other = Judging("strict", "huge", "faithfulness", "9" * 12)
    assert latest_record(records, other).model == "small"  # type: ignore[index]
    assert latest_record(records, Judging("kind", "huge", "faithfulness", "9" * 12)) is None
    path.write_text("{")
    with pytest.raises(ConfigError, match="damaged"):
        read_records(path)


async def test_the_verifier_is_a_judge_without_a_model(tmp_path: Path) -> None:
    items = [item(str(i), 1.0, answer="Wash at 30 degrees.", contexts=("Wash at 30 degrees.",)) for i in range(6)]
    items += [item(f"n{i}", 0.0, answer="Wash at 60 degrees.", contexts=("Wash at 30 degrees.",)) for i in range(6)]
    judge = LexicalJudge()
    found = calibrate(await ask(judge, "support", items, order=True), threshold=0.5)
    assert found.kappa.value == 1.0 and len(judge.fingerprint("support")) == 12
    record = calibration_record(Judging("lexical", "lexical", "support", "0" * 12), found, write(tmp_path / "l"), NOW)
    shown = render_calibration(record)
    assert "judge lexical (lexical) on support" in shown and "n=12" in shown and "position bias" in shown


@pytest.mark.data
async def test_real_labels_calibrate_the_verifier(public_data: Path) -> None:
    """On labels of people the verifier is better than chance and worse than people: a calibration shows both."""
    texts = {row["context_id"]: row["text"] for row in read(public_data / "summedits" / "contexts.jsonl")}
    rows = read(public_data / "summedits" / "labels.jsonl")[::8]
    items = [
        item(
            row["id"], float(row["label"] == "supported"), answer=row["response"], contexts=(texts[row["context_id"]],)
        )
        for row in rows
    ]
    found = calibrate(await ask(LexicalJudge(), "support", items, order=False), threshold=0.5)
    assert found.n == len(items) > 250
    assert 0 < found.kappa.low and found.kappa.high < 0.8
