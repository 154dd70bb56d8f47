"""Figures of verifiers: on claims whose scores are known, and over real sets where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval.bench.answers_bench import balanced_accuracy, main, measured
from eval.bench.claim_sets import CHOSEN, REPORTED, Claim, begin_wow, counts, planted, summedits
from eval.stats.areas import auroc
from rag.settings import load_settings

TRUE = [
    Claim(f"Kiln {i} is hot.", f"Kiln {i} is hot.", True, split=split)
    for split in (CHOSEN, REPORTED)
    for i in range(20)
]
LIES = [Claim(f"Boat {i} sank.", f"Kiln {i} is hot.", False, "misattributed", REPORTED) for i in range(10)]


def test_areas_and_accuracies_by_hand() -> None:
    labels = np.array([1.0, 1.0, 0.0, 0.0])
    assert auroc(np.array([0.9, 0.4, 0.4, 0.1]), labels) == pytest.approx(0.875)
    assert balanced_accuracy(np.array([0.9, 0.4, 0.4, 0.1]), labels) == pytest.approx(0.75)


def test_what_is_caught_and_what_is_lost_is_counted_in_the_reported_split() -> None:
    settings = load_settings(environ={}).changed({"answer.verifier": "lexical"})
    found = measured({"planted": [*TRUE, *LIES]}, settings, ("lexical", "coverage"))
    assert (found["planted_caught_misattributed"].value, found["planted_caught_misattributed"].n) == (1.0, 10)
    assert (found["planted_true_lost"].value, found["planted_true_lost"].n) == (0.0, 20)
    assert found["planted_caught@coverage"].value == 1.0 and found["planted_caught"].low < 1.0


def test_a_difference_is_paired() -> None:
    settings = load_settings(environ={}).changed({"answer.verifier": "lexical"})
    found = measured({"begin_wow": [*TRUE, *LIES]}, settings, ("lexical", "coverage"))
    assert found["begin_wow_auroc_over@coverage"].value == 0.0 == found["begin_wow_auroc_over@coverage"].high


def test_a_bench_without_data_says_what_to_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAGWRIGHT_DATA", raising=False)
    assert main([]) == 2
    assert "RAGWRIGHT_DATA" in capsys.readouterr().err


def test_figures_of_other_benchmarks_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "begin_wow").mkdir()
    labels = {True: "Fully attributable", False: "Not fully attributable"}
    rows = [{"response": c.claim, "context": c.evidence, "label": labels[c.supported]} for c in (*TRUE, *LIES)]
    (tmp_path / "begin_wow" / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "answers.json").write_text('{"other": {"value": 1, "n": 2}}')
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path), "--set", "begin_wow", "--verifier", "coverage"]
    assert main(arguments) == 0
    kept = json.loads((tmp_path / "answers.json").read_text())
    assert kept["other"] == {"value": 1, "n": 2}
    assert set(kept["begin_wow_auroc@coverage"]) == {"value", "n", "low", "high", "split", "goal"}
    assert "begin_wow_auroc@coverage" in capsys.readouterr().out
    assert main([*arguments[:4], "--set", "oracle"]) == 1


@pytest.mark.data
def test_there_are_enough_lies_of_every_kind(public_data: Path) -> None:
    claims = planted(public_data, Path("corpora/demo/docs"))
    reported = [claim for claim in claims if claim.split == REPORTED]
    assert all(count >= 200 for count in counts(reported).values()) and len(counts(reported)) >= 12
    documents = {split: {claim.cluster for claim in claims if claim.split == split} for split in (CHOSEN, REPORTED)}
    assert not documents[CHOSEN] & documents[REPORTED]
    assert len(summedits(public_data)) > 2000 and len(begin_wow(public_data)) > 400
