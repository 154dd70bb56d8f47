"""A gated flip, with the shipped pipeline: a re-ingest that loses answers is held, a harmless one goes live."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eval.gate.flip import GoldenGate
from eval.gate.policy import GatePolicy
from eval.golden import open_golden
from ingest.pipeline import IngestOptions, ingest
from ingest.report import IngestReport
from ingest.store.catalogue import CatalogueWriter
from ingest.upkeep.generations import rollback
from rag.bridge import run_sync
from rag.errors import ConfigError
from rag.pipeline import Request
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings

PARTS = (
    "valve pump rotor gasket bearing piston flange nozzle boiler turbine clutch damper sprocket bushing manifold"
    " solenoid impeller crankshaft governor regulator condenser evaporator actuator coupling"
).split()
ANY_LOSS = GatePolicy.model_validate({"metrics": {"span_recall@5": {"margin": 0.2}}})  # 24 cases show no less


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    with open_runtime(settings) as runtime:
        yield runtime


@pytest.fixture
def docs(golden_set: Path, tmp_path: Path) -> Path:
    """The knowledge base itself: what it says may change, what the golden set says does not."""
    return Path(shutil.copytree(golden_set / "docs", tmp_path / "docs"))


@pytest.fixture
def golden_set(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    (folder / "docs").mkdir(parents=True)
    cases = []
    for number, part in enumerate(PARTS):
        fact = f"The {part} of the Brackwater plant is inspected every {number + 3} weeks."
        (folder / "docs" / f"{part}.md").write_text(f"# The {part}\n\n{fact}\n", encoding="utf-8")
        start = len(f"# The {part}\n\n")
        gold = {"doc_id": f"{part}.md", "start": start, "end": start + len(fact), "text": fact}
        cases.append(
            {"id": part, "question": f"How often is the {part} inspected?", "answers": [f"every {number + 3} weeks"],
             "relevant": [gold], "answerable": True, "split": "dev"}
        )  # fmt: skip
    (folder / "questions.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
    return folder


def gated(
    runtime: Runtime, golden_set: Path, source: Path, policy: GatePolicy = ANY_LOSS, **options: object
) -> IngestReport:
    golden = open_golden(golden_set, home=runtime.home.root, now=datetime.now(UTC))
    gate = GoldenGate(golden, policy, runtime.pipeline_at, runtime.catalogue, runtime.home.root / "gates")
    return ingest([str(source)], "plant", runtime, IngestOptions(**options), gate=gate)  # type: ignore[arg-type]


def live_answer(runtime: Runtime, part: str) -> str:
    return run_sync(runtime.pipeline.answer(Request(f"How often is the {part} inspected?", "plant"))).text


def test_a_flip_that_loses_answers_is_held_and_can_be_promoted_by_hand(
    runtime: Runtime, golden_set: Path, docs: Path
) -> None:
    first = gated(runtime, golden_set, docs)
    assert (first.gate, first.generation) == (None, runtime.catalogue.live("plant").id)  # nothing to compare with
    for part in PARTS[:12]:
        (docs / f"{part}.md").write_text(f"# The {part}\n\nThis page was moved.\n", encoding="utf-8")
    held = gated(runtime, golden_set, docs)
    assert held.gate is not None and held.gate.name == "FAIL" and "span_recall@5: -0.5" in held.gate.reason
    assert (held.generation, held.changed) == (first.generation, 12)
    assert runtime.catalogue.live("plant").id == first.generation
    assert "every 3 weeks" in live_answer(runtime, PARTS[0])
    assert (Path(held.gate.details["runs"]) / "candidate" / "report.html").is_file()
    row = CatalogueWriter(runtime.engine, "plant").generations()[-1]
    assert (row.id, row.status, (row.gate or {})["name"]) == (held.held, "held", "FAIL")
    assert rollback("plant", runtime, held.held) == held.held
    assert "every 3 weeks" not in live_answer(runtime, PARTS[0])


def test_a_harmless_flip_passes_and_goes_live(runtime: Runtime, golden_set: Path, docs: Path) -> None:
    gated(runtime, golden_set, docs)
    for page in docs.iterdir():  # every gold passage moves, none is lost
        page.write_text("Wear gloves.\n\n" + page.read_text(encoding="utf-8"), encoding="utf-8")
    report = gated(runtime, golden_set, docs)
    assert report.gate is not None and report.gate.passed and report.held is None
    assert runtime.catalogue.live("plant").id == report.generation
    results = json.loads((Path(report.gate.details["runs"]) / "candidate" / "results.json").read_text())
    assert results["anchors"] == {"kept": 0, "moved": len(PARTS), "lost": 0}
    assert results["metrics"]["span_recall@5"]["value"] == 1.0
    row = CatalogueWriter(runtime.engine, "plant").generations()[-1]
    assert (row.status, (row.gate or {})["name"]) == ("published", "PASS")


def test_too_few_cases_are_inconclusive_and_the_next_ingest_replaces_what_was_held(
    runtime: Runtime, golden_set: Path, docs: Path
) -> None:
    questions = golden_set / "questions.jsonl"
    questions.write_text("".join(questions.read_text().splitlines(keepends=True)[:3]), encoding="utf-8")
    first = gated(runtime, golden_set, docs)
    page = docs / f"{PARTS[0]}.md"
    page.write_text(page.read_text(encoding="utf-8") + "\nWear gloves.\n", encoding="utf-8")
    held = gated(runtime, golden_set, docs)
    assert held.gate is not None and held.gate.name == "INCONCLUSIVE" and "at least 20" in held.gate.reason
    assert runtime.catalogue.live("plant").id == first.generation
    replaced = ingest([str(docs)], "plant", runtime)
    assert (replaced.changed, replaced.held) == (1, None)
    known = [row.id for row in CatalogueWriter(runtime.engine, "plant").generations()]
    assert known == [first.generation, replaced.generation]


def test_a_policy_that_requires_another_set_cannot_gate_a_flip(runtime: Runtime, golden_set: Path, docs: Path) -> None:
    policy = GatePolicy.model_validate({"required": [{"name": "regressions", "set": "old bugs"}]})
    with pytest.raises(ConfigError, match="requires the set 'old bugs', but a flip is gated by one set, 'set'"):
        gated(runtime, golden_set, docs, policy)
