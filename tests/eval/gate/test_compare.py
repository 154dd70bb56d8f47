"""What a reader of two runs must know: how they were made, which cases flipped, which leave a gate undecided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.gate.compare import compare_saved, render_comparison
from eval.gate.policy import GatePolicy, render_gate, run_gate
from eval.results import read_results
from eval.saved import SavedRun
from eval.stats import paired_difference
from rag.settings import Settings, load_settings
from tests.eval.lines import line

METRICS = {
    "nDCG@10": ("documents", "share"),
    "MAP": ("documents", "share"),
    "span_iou@5": ("spans", "share"),
    "citation_recall": ("citations", "share"),
    "latency_ms": ("cost", "ms"),
}


def run(values: list[float], broken: tuple[int, ...] = (), **results: Any) -> SavedRun:
    about = {
        name: {"coverage": 1.0, "better": "higher", "unit": unit, "family": family, "judge": None}
        for name, (family, unit) in METRICS.items()
    }
    whole = {
        "set": {"name": "s", "sha256": "f", "split": None, "where": {}}, "primary": "nDCG@10", "settings": "abc",
        "generation": 1, "corpus": "c", "provenance": {"prompts": ["grounded@1"], "models": ["m"], "releases": []},
        "ended_at": "", "metrics": about,
    }  # fmt: skip
    rows = tuple(
        line(
            {
                "id": f"q{i}",
                "cluster": f"q{i}",
                "question": f"Is it {i}?",
                "gold": {"documents": [f"d{i % 2}.md"]},
                "answer": "No." if i in broken else "Yes.",
                "broken": "not_cited" if i in broken else None,
                "metrics": {name: value * (100 if name == "latency_ms" else 1) for name in METRICS},
            }
        )
        for i, value in enumerate(values)
    )
    return SavedRun(Path("r"), read_results(whole | results), rows)


SAME = [0.5] * 30


def test_settings_prompts_models_and_generations_that_differ_are_named() -> None:
    old = load_settings(environ={})
    new = old.changed({"retrieval.top_k": 20, "context.keep": 0.7})
    ours, theirs = ({"settings": s.fingerprint(), "effective_settings": s.recorded()} for s in (old, new))
    made = {"provenance": {"prompts": ["grounded@2"], "models": ["m"], "releases": []}, "generation": 4}
    found = compare_saved(run(SAME, **ours), run(SAME, **theirs, **made))
    shown = render_comparison(found, 200)
    for line_ in (
        "differs: context.keep 0.5 -> 0.7",
        "differs: retrieval.top_k 10 -> 20",
        'differs: prompts ["grounded@1"] -> ["grounded@2"]',
        "differs: generation 1 -> 4",
    ):
        assert line_ in shown
    assert "the same in both: corpus c, models m, " in shown and " settings" in shown
    gated = render_gate(run_gate(run(SAME, **ours), run(SAME, **theirs), GatePolicy()))
    assert "differs: retrieval.top_k 10 -> 20" in gated


def test_a_comparison_says_which_verifier_scored() -> None:
    old = load_settings(environ={}).changed({"answer.verifier": "lexical"})
    new = old.changed({"answer.verifier": "coverage"})
    ours, theirs = ({"settings": s.fingerprint(), "effective_settings": s.recorded()} for s in (old, new))
    assert "verifier lexical" in render_comparison(compare_saved(run(SAME, **ours), run(SAME, **ours)), 200)
    shown = render_gate(run_gate(run(SAME, **ours), run(SAME, **theirs), GatePolicy()))
    assert "differs: answer.verifier lexical -> coverage" in shown and "verifier coverage" not in shown


@pytest.mark.parametrize("known", ["neither", "candidate"])
def test_old_runs_without_settings_still_compare(known: str) -> None:
    kept = {"effective_settings": Settings().recorded()} if known == "candidate" else {}
    found = compare_saved(run(SAME, settings="old"), run(SAME, settings="new", **kept))
    who = "baseline and the candidate do" if known == "neither" else "baseline do"
    assert f"differs: settings (old and new), but the {who} not say" in render_comparison(found, 200)
    assert compare_saved(run(SAME), run(SAME)).differences.unknown is None


def test_results_keep_what_the_fingerprint_is_made_of_and_no_secret() -> None:
    environ = {"OPENAI_API_KEY": "sk-secret", "OPENAI_BASE_URL": "https://x.example/v1", "KEY_B": "sk-other"}
    entry = {"model": "big", "base_url": "https://y.example/v1", "api_key_env": "KEY_B"}
    settings = load_settings(overrides=[f"models.b={json.dumps(entry)}", "answer.model=b"], environ=environ)
    kept = settings.recorded()
    text = json.dumps(kept)
    assert "sk-" not in text and "https://y.example/v1" in text and kept["retrieval"]["top_k"] == 10
    for changed in ("retrieval.top_k=11", "context.keep=0.6", "answer.max_sentences=4", "bm25.k1=1.2"):
        other = load_settings(overrides=[changed], environ={})
        assert other.fingerprint() != Settings().fingerprint() and other.recorded() != Settings().recorded()


def test_flipped_cases_are_named_with_what_changed() -> None:
    compared = compare_saved(run(SAME, (1, 2)), run(SAME, (2, 5)))
    gated = run_gate(run(SAME, (1, 2)), run(SAME, (2, 5)), GatePolicy())
    for shown in (render_comparison(compared, 200), render_gate(gated)):
        assert "1 cases broke, 1 were mended" in shown
        assert "broke   q5 (well -> not_cited): Is it 5?" in shown and "was: Yes." in shown and "now: No." in shown
        assert "mended  q1 (not_cited -> well): Is it 1?" in shown and "q2" not in shown


def test_the_few_metrics_that_matter_come_first_and_the_rest_on_demand() -> None:
    found = compare_saved(run(SAME), run([value + 0.1 for value in SAME]))
    brief, whole = render_comparison(found, 160), render_comparison(found, 160, whole=True)
    assert "2 more metrics differ: MAP, span_iou@5 (--all shows them)" in brief
    table = brief.split("more metrics differ")[0]
    assert [name for name in METRICS if f" {name} " in table] == ["nDCG@10", "citation_recall", "latency_ms"]
    assert all(f" {name} " in whole for name in METRICS) and "--all" not in whole
    equal = render_comparison(compare_saved(run(SAME), run(SAME)), 200)
    assert "the same in every case: MAP, span_iou@5, citation_recall, latency_ms" in equal


def test_an_undecided_gate_names_the_cases_and_documents_that_made_it_so() -> None:
    moved = [0.1 if i in (3, 7) else 0.9 if i == 4 else value for i, value in enumerate(SAME)]
    result = run_gate(run(SAME), run(moved), GatePolicy())
    assert result.verdict == "INCONCLUSIVE"
    found = result.undecided["nDCG@10"]
    assert {item.id for item in found.cases} == {"q3", "q4", "q7"}
    assert found.documents == {"d1.md": 2, "d0.md": 1}
    shown = render_gate(result)
    assert "q3 0.500 -> 0.100: Is it 3? [d1.md]" in shown and "documents they ask about: d1.md (2), d0.md (1)" in shown
    nothing = run_gate(run(SAME), run(SAME), GatePolicy.model_validate({"metrics": {"nDCG@10": {"margin": 0.001}}}))
    assert nothing.verdict == "INCONCLUSIVE" and "no case differs in nDCG@10" in render_gate(nothing)


@pytest.mark.parametrize("seed", range(12))
def test_p_and_interval_of_latencies_never_disagree(seed: int) -> None:
    import numpy as np

    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 200))
    old = rng.lognormal(5, 1, n)
    new = old * rng.lognormal(0.1 * (seed % 4), 0.3, n) + 20 * (seed % 3)
    found = paired_difference(old.tolist(), new.tolist(), limits=None)
    assert found.low is not None and found.high is not None
    assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
