"""Required slices and sign-offs: what a gate asks of the candidate alone, and the policy file that says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from eval.gate.compare import compare_saved, render_comparison
from eval.gate.decision import comparison_markdown, gate_markdown, write_comparison, write_decision
from eval.gate.policy import FAILED, INCONCLUSIVE, PASSED, GatePolicy, load_policy, render_gate, run_gate
from eval.results import ScoredMetric, read_results
from eval.results.compared import Decision
from eval.saved import SavedRun
from rag.errors import ConfigError
from tests.eval.lines import line

SETTINGS = "28dcc08b1067"


def run_of(
    broken: dict[int, str] | None = None, n: int = 60, settings: str | None = SETTINGS, name: str = "s"
) -> SavedRun:
    rows = tuple(
        line({"id": f"q{i}", "question": f"Is {i} | <odd>?", "kind": "edge" if i % 3 else "golden", "cluster": str(i),
         "tags": ["high-risk"] if i < 10 else [], "split": "dev", "answerable": i % 4 > 0, "expect": "answer",
         "metrics": {"nDCG@10": 0.5 + i / 200}, "broken": (broken or {}).get(i), "answer": f"answer {i}",
         "reason": None})
        for i in range(n)
    )  # fmt: skip
    results = {
        "set": {"name": name, "sha256": "f", "split": "dev", "where": {}}, "primary": "nDCG@10", "settings": settings,
        "generation": 1, "corpus": "c", "provenance": {}, "ended_at": "",
        "metrics": {"nDCG@10": {"coverage": 1.0, "better": "higher", "unit": "share"}},
    }  # fmt: skip
    return SavedRun(Path("run"), read_results(results), rows)


def with_metrics(run: SavedRun, **values: float) -> SavedRun:
    """Return a run that measured more: the same value in every case."""
    metrics = {**run.results.metrics, **{name: ScoredMetric(coverage=1.0) for name in values}}
    rows = (row.model_copy(update={"metrics": row.metrics | values}) for row in run.rows)
    return replace(run, results=replace(run.results, metrics=metrics), rows=tuple(rows))


def gate(candidate: SavedRun, **policy: Any) -> Decision:
    return run_gate(run_of(), candidate, GatePolicy.model_validate(policy))


HIGH_RISK = {"name": "high risk", "where": {"tag": "high-risk"}}


def test_all_cases_of_a_slice_must_come_out_well() -> None:
    well = gate(run_of({30: "not_cited"}), required=[HIGH_RISK])
    assert well.verdict == "PASS" and well.required[0].passed == 10
    bad = gate(run_of({3: "not_cited"}), required=[HIGH_RISK])
    assert (bad.verdict, bad.exit_code) == ("FAIL", FAILED)
    assert bad.required[0].broken == ("q3",) and "1 of 10 cases broke" in render_gate(bad)


def test_a_slice_that_lost_its_cases_does_not_pass() -> None:
    gone = gate(run_of(), required=[{"name": "gone", "where": {"tag": "deleted"}}])
    assert gone.verdict == "FAIL" and "0 cases are in the slice" in gone.required[0].reason
    assert gate(run_of(), required=[HIGH_RISK | {"min_cases": 11}]).verdict == "FAIL"


REGRESSIONS = {"name": "regressions", "set": "old bugs"}


@pytest.mark.parametrize(
    ("others", "verdict", "reason"),
    [
        ([run_of(name="old bugs", n=5)], "PASS", "all 5 cases came out well"),
        ([run_of({4: "not_cited"}, name="old bugs", n=5)], "FAIL", "1 of 5 cases broke"),
        ([run_of(name="another set")], "FAIL", "no run over the set 'old bugs' was given"),
        ([run_of(name="old bugs", settings="0123456789ab")], "FAIL", "was made with settings '0123456789ab'"),
    ],
)
def test_a_required_set_must_have_been_answered_by_the_candidate(
    others: list[SavedRun], verdict: str, reason: str
) -> None:
    policy = GatePolicy.model_validate({"required": [REGRESSIONS]})
    result = run_gate(run_of(), run_of(), policy, others=others)
    assert result.verdict == verdict and reason in result.required[0].reason
    assert "regressions (set old bugs)" in gate_markdown(result)


def test_a_required_set_counts_at_the_candidate_s_generation_only() -> None:
    stale = run_of(name="old bugs")
    stale = replace(stale, results=replace(stale.results, generation=7))
    result = run_gate(run_of(), run_of(), GatePolicy.model_validate({"required": [REGRESSIONS]}), others=[stale])
    assert result.verdict == "FAIL" and "made with generation 7" in result.required[0].reason


def test_two_runs_over_one_set_are_refused() -> None:
    with pytest.raises(ConfigError, match="two runs are over the set 's'"):
        run_gate(run_of(), run_of(), GatePolicy(required=(REGRESSIONS,)), others=[run_of()])  # type: ignore[arg-type]


def test_what_a_reader_must_know_first_stands_in_every_form_of_a_decision() -> None:
    plain = run_of()
    synthetic = replace(plain, results=replace(plain.results, warnings=("60 of 60 cases are synthetic",)))
    result, compared = run_gate(run_of(), synthetic, GatePolicy()), compare_saved(run_of(), synthetic)
    for shown in (
        render_gate(result),
        gate_markdown(result),
        comparison_markdown(compared),
        render_comparison(compared),
    ):
        assert "60 of 60 cases are synthetic" in shown


@pytest.mark.parametrize(
    ("broken", "verdict"), [(0, "PASS"), (1, "INCONCLUSIVE"), (12, "FAIL")]
)  # 59 of 59 show more than 95 %, 58 of 59 do not, 47 of 59 show less
def test_a_share_is_shown_by_the_exact_one_sided_bound(broken: int, verdict: str) -> None:
    policy = GatePolicy.model_validate({"required": [{"name": "all", "pass_rate": 0.95}]})
    result = run_gate(run_of(n=59), run_of(dict.fromkeys(range(broken), "not_cited"), n=59), policy)
    assert result.required[0].verdict == result.verdict == verdict
    if verdict == "INCONCLUSIVE":
        assert "34 more without a broken one" in result.required[0].reason  # 93 trials with one failure


def test_slices_combine_and_know_truth_values() -> None:
    rule = {"name": "both", "where": {"tag": "high-risk", "answerable": True, "kind": "edge"}}
    assert gate(run_of(), required=[rule]).required[0].n == 4  # 1 2 5 7


def write_policy(folder: Path, signed: str | None, by: str = "[Ada]") -> GatePolicy:
    (folder / "gates.yaml").write_text(f"sign_off: {{file: signed.yaml, by: {by}}}\ninconclusive: pass\n")
    if signed is not None:
        (folder / "signed.yaml").write_text(f"sign_offs:\n{signed}" if signed else "")
    return load_policy(folder / "gates.yaml")


@pytest.mark.parametrize(
    ("signed", "reason"),
    [
        (None, "nobody has signed for 28dcc08b1067: there is no"),
        ("", "nobody has signed for 28dcc08b1067 in"),
        ("- {candidate: abcdefabcdef, by: Ada, at: 2026-11-22}", "nobody has signed for 28dcc08b1067 in"),
        (
            "- {candidate: 28dcc08b1067, by: Bob, at: 2026-11-22}",
            "Bob signed for 28dcc08b1067, but only",
        ),
    ],
)
def test_without_a_sign_off_the_gate_is_inconclusive_whatever_the_policy(
    signed: str | None, reason: str, tmp_path: Path
) -> None:
    result = run_gate(run_of(), run_of(), write_policy(tmp_path, signed))
    assert (result.verdict, result.exit_code) == ("INCONCLUSIVE", INCONCLUSIVE)
    assert reason in result.unsigned and reason in render_gate(result)


def test_who_may_sign_signs_for_one_candidate(tmp_path: Path) -> None:
    policy = write_policy(tmp_path, "- {candidate: 28dcc08b1067, by: Ada, at: 2026-11-22, note: read the flips}")
    assert run_gate(run_of(), run_of(), policy).exit_code == PASSED
    assert run_gate(run_of(), run_of(settings="other0000000"), policy).exit_code == INCONCLUSIVE
    assert "several settings" in run_gate(run_of(), run_of(settings=None), policy).unsigned
    anybody = write_policy(tmp_path, "- {candidate: 28dcc08b1067, by: Eve, at: 2026-11-22}", by="[]")
    assert run_gate(run_of(), run_of(), anybody).exit_code == PASSED


def test_a_sign_off_does_not_mend_a_failure(tmp_path: Path) -> None:
    policy = write_policy(tmp_path, "- {candidate: 28dcc08b1067, by: Ada, at: 2026-11-22}")
    strict = policy.model_copy(update={"must_pass_tags": ("high-risk",)})
    assert run_gate(run_of(), run_of({0: "not_cited"}), strict).exit_code == FAILED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\nmetrics:\n  nDCG@10:\n    margn: 0.02\n", "line 4: metrics.nDCG@10.margn"),
        ("required:\n- name: a\n  where: {colour: red}\n", "line 3: required.0.where: .*unknown dimension 'colour'"),
        ("required:\n- where: {tag: x}\n", "line 2: required.0.name"),
        ("sign_off: {files: a}\n", "line 1: sign_off.file"),
        ("min_cases: 3\nmin_cases: 30\n", "line 2: min_cases: it is there twice"),
        ("- a\n", "line 1: the file: "),
    ],
)
def test_a_policy_error_names_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_policy(path)


def test_a_sign_off_error_names_its_line(tmp_path: Path) -> None:
    good, undated = "{candidate: 28dcc08b1067, by: Ada, at: 2026-01-01}", "{candidate: 28dcc08b1067, by: Ada}"
    with pytest.raises(ConfigError, match=r"sign-off file .* line 3: sign_offs\.1\.at"):
        run_gate(run_of(), run_of(), write_policy(tmp_path, f"- {good}\n- {undated}\n"))


# --- the files of a decision ---


def test_a_decision_is_written_for_people_and_for_ci(tmp_path: Path) -> None:
    old, new = run_of({40: "not_cited"}), run_of({3: "not_retrieved", 41: "not_cited"})
    decision = run_gate(old, new, GatePolicy.model_validate({"required": [HIGH_RISK]}))
    write_decision(decision, compare_saved(old, new), tmp_path / "gate")
    assert {p.name for p in (tmp_path / "gate").iterdir()} == {
        "gate.json", "comparison.json", "junit.xml", "summary.md"
    }  # fmt: skip
    assert json.loads((tmp_path / "gate" / "gate.json").read_text())["verdict"] == "FAIL"
    suite = ElementTree.fromstring((tmp_path / "gate" / "junit.xml").read_bytes())
    assert suite.get("failures") == "1" and [case.get("name") for case in suite] == ["nDCG@10", "required: high risk"]
    summary = (tmp_path / "gate" / "summary.md").read_text()
    assert summary.startswith("## Gate: FAIL") and "`q3`" in summary
    assert "2 broke, 1 were mended" in summary and "answer 41" in summary and "answer 3" in summary
    write_comparison(compare_saved(old, new), tmp_path / "compared")
    assert {p.name for p in (tmp_path / "compared").iterdir()} == {"comparison.json", "summary.md"}


def test_markdown_tables_keep_their_columns_and_escape_what_was_asked() -> None:
    old, new = run_of(), run_of({i: "not_cited" for i in range(60)})
    comparison = compare_saved(old, new)
    text = gate_markdown(gate(new, required=[HIGH_RISK])) + comparison_markdown(comparison)
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    tables = [[line for line in table if line.startswith("|")] for table in tables]
    assert len(tables) == 4
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1, table
    assert "<odd>" not in text and "and 10 more in comparison.json" in text


def test_slices_are_corrected_and_cover_every_case() -> None:
    worse = {i: "not_cited" for i in range(60) if i % 4}  # every answerable case breaks, no other
    slices = compare_saved(run_of(), run_of(worse)).slices
    found = {(s.dimension, s.name): s for s in slices if s.metric == "unbroken"}
    assert set(found) == {
        ("kind", "edge"), ("kind", "golden"), ("answerable", "true"), ("answerable", "false"), ("tag", "high-risk")
    }  # fmt: skip
    assert found["answerable", "true"].difference.value == -1 and found["answerable", "true"].p_adjusted < 0.001
    assert found["answerable", "false"].difference.value == 0 and found["answerable", "false"].p_adjusted == 1
    assert all(s.difference.p <= s.p_adjusted for s in slices)


def test_a_comparison_says_how_many_more_cases_would_tell() -> None:
    row = compare_saved(run_of(), run_of()).metrics["nDCG@10"].difference
    assert row.value == 0 and row.more_cases is None


def test_a_measure_that_is_the_same_in_every_case_is_folded_and_flipped_cases_are_named() -> None:
    old, new = run_of(), run_of({i: "not_cited" for i in range(12)})
    old, new = with_metrics(old, up=0.25, same=0.5), with_metrics(new, up=0.75, same=0.5)
    comparison = compare_saved(old, new)
    assert [comparison.metrics[name].difference.changed for name in ("nDCG@10", "up", "same")] == [0, 60, 0]
    text, shown = comparison_markdown(comparison), render_comparison(comparison)
    assert "The same in every case: same." in text and "the same in every case: same\n" in shown
    assert "nDCG@10 (primary)" in shown and " up " in shown and "tag: high-risk | unbroken" in text
    assert "tag: high-risk | nDCG@10" not in text
    assert "broke   q3 (well -> not_cited): Is 3 | <odd>?" in shown and "and 2 more broke" in shown
