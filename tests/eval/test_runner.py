"""The run, its files and what they say, over a small system that answers, refuses, fails and hangs on demand."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import ir_measures
import pytest

from eval.golden import Case, GoldenSet, GoldSpan
from eval.judges.ragas_process import RagasProcess
from eval.metrics import METRICS, Unmeasured
from eval.observation import Observation
from eval.report.text import render_table
from eval.report.write import write_report
from eval.runner import Run, RunOptions, run
from rag.errors import CorpusNotFoundError, DocumentNotFoundError, GeneratorError, UnknownKeyError
from rag.pipeline import Request
from rag.types import (
    Answer,
    Chunk,
    Citation,
    Context,
    ContextResult,
    Document,
    Generation,
    Hit,
    Passage,
    Prompt,
    Provenance,
    SearchResult,
    Sentence,
    Span,
    StageScore,
    Support,
    Usage,
)

GENERATION = Generation(7, "shop", 1, "abc123")
DOCUMENTS = {
    "care/wash & dry.md": "Wash at 30 degrees. Dry flat. Never iron the print.",
    "returns.md": "Returns are free for 30 days. Refunds take 5 days.",
    "#odd: <b>.md": "The shop closes at noon on Sunday.",
}


def chunks_of(doc_id: str) -> list[Chunk]:
    """One chunk per sentence."""
    text = DOCUMENTS[doc_id]
    spans = [Span(match.start(), match.end()) for match in re.finditer(r"[^ ][^.]*\.", text)]
    return [Chunk(f"{doc_id}{s.start}", doc_id, s, text[s.start : s.end]) for s in spans]


@dataclass
class Shop:
    """A pipeline and library over three documents; certain words in a question make it misbehave."""

    delays: dict[str, float] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    async def search(self, request: Request) -> SearchResult:
        if request.corpus != GENERATION.corpus:
            raise CorpusNotFoundError(f"there is no corpus {request.corpus!r}")
        wanted = set(re.findall(r"\w+", request.question.lower()))
        chunks = [chunk for doc_id in DOCUMENTS for chunk in chunks_of(doc_id)]
        scored = [(len(wanted & set(re.findall(r"\w+", chunk.text.lower()))), chunk) for chunk in chunks]
        best = sorted(scored, key=lambda pair: -pair[0])[: request.top_k or 3]
        hits = tuple(
            Hit(chunk, rank, float(score), {"bm25": StageScore(rank, float(score))})
            for rank, (score, chunk) in enumerate(best, start=1)
            if score
        )
        return SearchResult(request.question, GENERATION, "abc123", hits, {"search": 1.5})

    async def answer(self, request: Request) -> Answer:
        self.asked.append(request.question)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.delays.get(request.question, 0))
            if "explode" in request.question:
                raise GeneratorError("the model\nrefused")
            return self._answer(request, await self.search(request))
        finally:
            self.running -= 1

    def _answer(self, request: Request, found: SearchResult) -> Answer:
        passages = tuple(
            Passage(i, h.chunk.doc_id, "", "", h.chunk.text, (h.chunk.span,), 9) for i, h in enumerate(found.hits, 1)
        )
        context = ContextResult(
            found, Context(passages, 9 * len(passages), 100, "words"), Prompt("grounded", "1", ()), {}, len(found.hits)
        )
        refused = not passages or found.hits[0].score < 2
        text, sentences = "", ()
        if not refused:
            passage = passages[0]
            text = f"{passage.text} [1]"
            cited = Citation(1, passage.doc_id, "", "", passage.spans[0], passage.text, Support(0.9, True))
            sentences = (Sentence(text, 0, len(text), (cited,)),)
        return Answer(
            text, sentences, refused, "weak support" if refused else None, context,
            Provenance(7, "abc123", "grounded", "1", "extractive"), Usage(40, 10), {"search": 1.5, "total": 3.0},
        )  # fmt: skip

    def document(self, generation: Generation, doc_id: str) -> Document:
        if doc_id not in DOCUMENTS:
            raise DocumentNotFoundError(doc_id)
        return Document(doc_id, "", DOCUMENTS[doc_id], (), "")

    def document_chunks(self, generation: Generation, doc_id: str) -> list[Chunk]:
        return chunks_of(doc_id) if doc_id in DOCUMENTS else []


def case(id: str, question: str, doc_id: str = "", gold: str = "", **more: object) -> Case:
    spans = ()
    if gold:
        start = DOCUMENTS[doc_id].index(gold)
        spans = (GoldSpan(doc_id, Span(start, start + len(gold)), gold),)
    answerable = bool(more.pop("answerable", True))
    expect = "answer" if answerable else "abstain"
    ids = (doc_id,) if doc_id else ()
    return Case(id, question, answerable, expect, doc_ids=ids, spans=spans, cluster=id, **more)  # type: ignore[arg-type]


CASES = (
    case("wash", "Wash at how many degrees?", "care/wash & dry.md", "Wash at 30 degrees.", answers=("Wash at 30.",)),
    case("boom", "explode the returns", "returns.md", "Refunds take 5 days."),
    case("a b/ü", "The shop closes when on Sunday?", "#odd: <b>.md", answers=("noon",), tags=("hours",)),
    case("none", "Who founded Atlantis?", answerable=False, kind="edge"),
    case("slow", "Returns are free for how many days?", "returns.md", "Returns are free for 30 days."),
    case("tricked", "Never iron on Atlantis?", answerable=False, kind="adversarial"),
    case("missed", "Is <script>alert(1)</script> a refund?", "returns.md", "Refunds take 5 days."),
)


def golden(*cases: Case) -> GoldenSet:
    return GoldenSet("shop <set>", Path("shop"), Path("shop/docs"), cases or CASES, "f" * 64)


def options(**more: object) -> RunOptions:
    return RunOptions(**({"ragas": False, "concurrency": 3} | more))  # type: ignore[arg-type]


@pytest.fixture
async def finished() -> Run:
    shop = Shop(delays={"Wash at how many degrees?": 0.05, "Returns are free for how many days?": 5.0})
    return await run(golden(), shop, "shop", options=options(timeout_s=0.4), library=shop)


async def test_every_case_is_a_row_in_order_with_a_status(finished: Run) -> None:
    assert [row.seen.case.id for row in finished.rows] == [c.id for c in CASES]
    statuses = [row.seen.status for row in finished.rows]
    assert statuses == ["ok", "error", "ok", "abstained", "error", "ok", "abstained"]
    errors = {row.seen.case.id: row.seen.error for row in finished.rows if row.seen.error}
    assert errors == {"boom": "GeneratorError: the model refused", "slow": "no answer within 0.4 s"}


async def test_a_failed_case_is_unmeasured_everywhere_and_costs_coverage(finished: Run, tmp_path: Path) -> None:
    boom = finished.rows[1]
    assert all(isinstance(value, Unmeasured) and value.applicable for value in boom.values.values())
    metric = write_report(finished, tmp_path).metrics["recall@4000ch"]
    assert (metric.n, metric.applicable, metric.coverage) == (2, 4, 0.5)
    assert metric.missing_as_zero == pytest.approx(metric.value / 2)


async def test_values_of_hand_worked_cases(finished: Run) -> None:
    values = {row.seen.case.id: row.values for row in finished.rows}
    assert values["wash"]["recall@4000ch"] == 1.0
    assert values["wash"]["precision_omega"] == 1.0
    assert values["wash"]["citation_validity"] == 1.0
    assert values["wash"]["gold_citation_recall"] == 1.0
    assert values["a b/ü"]["nDCG@10"] == 1.0
    assert values["none"]["abstention_recall"] == 1.0
    assert values["tricked"]["abstention_recall"] == 0.0
    assert values["missed"]["false_abstention"] == 1.0
    for name in ("nDCG@10", "recall@4000ch", "span_recall@5"):
        value = values["none"][name]
        assert isinstance(value, Unmeasured) and not value.applicable


async def test_concurrency_is_bounded() -> None:
    cases = [case(f"c{i}", f"Dry flat number {i}") for i in range(12)]
    shop = Shop(delays={c.question: 0.01 for c in cases})
    await run(golden(*cases), shop, "shop", options=options(concurrency=3))
    assert shop.most_running == 3


async def test_progress_counts_both_phases() -> None:
    calls: list[tuple[str, int, int]] = []
    await run(golden(), Shop(), "shop", options=options(), progress=lambda *call: calls.append(call))
    assert calls == [(phase, i, 7) for phase in ("answer", "score") for i in range(1, 8)]


async def test_a_missing_corpus_ends_the_run_with_its_own_error() -> None:
    with pytest.raises(CorpusNotFoundError, match="'nowhere'"):
        await run(golden(), Shop(), "nowhere", options=options())


async def test_an_unknown_metric_is_refused_before_anything_is_asked() -> None:
    shop = Shop()
    with pytest.raises(UnknownKeyError, match="nDCG@10"):
        await run(golden(), shop, "shop", options=options(metrics=["ndcg"]))
    assert shop.asked == []


async def test_search_only_asks_nothing_and_scores_retrieval() -> None:
    shop = Shop()
    finished = await run(golden(), shop, "shop", options=options(search_only=True))
    assert shop.asked == []
    assert [row.seen.status for row in finished.rows].count("not_applicable") == 2
    assert finished.rows[0].values["nDCG@10"] == 1.0
    assert isinstance(finished.rows[0].values["abstention_recall"], Unmeasured)


async def test_without_a_library_quotes_are_unmeasured_not_zero() -> None:
    finished = await run(golden(CASES[0]), Shop(), "shop", options=options())
    value = finished.rows[0].values["citation_validity"]
    assert isinstance(value, Unmeasured) and value.applicable
    assert isinstance(finished.rows[0].values["precision_omega"], Unmeasured)


async def test_a_verifier_is_asked_for_joint_support() -> None:
    class Doubter:
        name = "doubter"

        async def verify(self, claims: list[tuple[str, str]]) -> list[Support]:
            assert all("[1]" not in claim for claim, _ in claims)
            return [Support(0.1, False) for _ in claims]

    finished = await run(golden(CASES[0]), Shop(), "shop", options=options(), verifier=Doubter())
    assert finished.rows[0].values["citation_recall"] == 0.0
    assert finished.rows[0].values["citation_precision"] == 0.0


async def test_the_report_folder_holds_the_contract_files(finished: Run, tmp_path: Path) -> None:
    write_report(finished, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "results.json", "rows.jsonl", "run.trec", "qrels.trec", "junit.xml", "summary.md", "report.html",
    }  # fmt: skip
    rows = [json.loads(line) for line in (tmp_path / "out/rows.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [c.id for c in CASES]
    assert rows[0]["hits"][0] == {"doc_id": "care/wash & dry.md", "start": 0, "end": 19, "score": 3.0}
    assert rows[0]["context"]["passages"][0]["spans"] == [[0, 19]]
    assert rows[3]["metrics"]["nDCG@10"] is None and "nDCG@10" in rows[3]["not_applicable"]
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert results["settings"] == "abc123" and results["generation"] == 7 and results["set"]["sha256"] == "f" * 64
    assert results["status"] == {"ok": 3, "error": 2, "abstained": 2}
    assert results["failures"] == {"error": 2, "answered_unanswerable": 1, "not_retrieved": 1}


async def test_equal_values_do_not_claim_certainty(tmp_path: Path) -> None:
    finished = await run(golden(CASES[0]), Shop(), "shop", options=options())
    validity = write_report(finished, tmp_path).metrics["Recall@5"]
    assert validity.value == 1.0 and validity.low < 0.5 and "bounded mean" in validity.method


async def test_ir_measures_finds_our_figures_in_the_trec_files(tmp_path: Path) -> None:
    finished = await run(golden(), Shop(), "shop", options=options())
    failed = write_report(finished, tmp_path)
    qrels = list(ir_measures.read_trec_qrels(str(tmp_path / "qrels.trec")))
    ranking = list(ir_measures.read_trec_run(str(tmp_path / "run.trec")))
    measures = {"nDCG@10": ir_measures.nDCG @ 10, "MAP": ir_measures.AP, "MRR@10": ir_measures.RR @ 10}
    theirs = ir_measures.calc_aggregate(measures.values(), qrels, ranking)
    for name, measure in measures.items():
        # "boom" failed, so it is 0 for them and missing for us
        assert failed.metrics[name].missing_as_zero == pytest.approx(theirs[measure], abs=1e-6)
    assert {unquote(item.query_id) for item in qrels} == {"wash", "boom", "a b/ü", "slow", "missed"}
    assert "#odd: <b>.md" in {unquote(item.doc_id) for item in ranking}


async def test_junit_names_errors_failures_and_passes(finished: Run, tmp_path: Path) -> None:
    write_report(finished, tmp_path)
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert suite.get("tests") == "7" and suite.get("errors") == "2" and suite.get("failures") == "2"
    broken = {c.get("name"): c.find("failure").get("type") for c in suite if c.find("failure") is not None}
    assert broken["tricked"] == "answered_unanswerable"


async def test_the_page_escapes_what_the_run_said_and_loads_nothing(finished: Run, tmp_path: Path) -> None:
    write_report(finished, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    assert "shop &lt;set&gt;" in page
    assert not re.search(r'(src|href)="https?:', page) and "@import" not in page
    assert '<mark class="cited gold">Wash at 30 degrees.</mark>' in page


async def test_the_summaries_give_n_and_interval_with_every_figure(finished: Run, tmp_path: Path) -> None:
    results = write_report(finished, tmp_path)
    summary = (tmp_path / "summary.md").read_text()
    assert "| recall@4000ch (primary) |" in summary and "| 2/4 | 50.0% |" in summary
    assert "self-reported" in summary and "always abstain" in summary
    table = render_table(results)
    assert "false_abstention" in table and "best single score" in table and "\x1b" not in table


async def test_every_summary_of_a_synthetic_set_says_what_it_cannot_tell(tmp_path: Path) -> None:
    asked = [case("1", "When does the shop close?", "#odd: <b>.md", "noon", synthetic=True), case("2", "Refunds?")]
    results = write_report(await run(golden(*asked), Shop(), "shop", options=options()), tmp_path)
    warning = "1 of 2 cases are synthetic: they rank retrievers, not generators"
    assert results.set.synthetic == 1 and results.warnings[0].startswith(warning)
    for page in (tmp_path / "summary.md", tmp_path / "report.html"):
        assert warning in page.read_text()
    assert warning in " ".join(render_table(results).split())
    plain = write_report(await run(golden(asked[1]), Shop(), "shop", options=options()), tmp_path)
    assert plain.warnings == () and "Warning" not in render_table(plain) + (tmp_path / "summary.md").read_text()


async def test_ragas_scores_every_row_or_says_why_not(tmp_path: Path) -> None:
    shop = Shop()
    finished = await run(golden(), shop, "shop", options=options(ragas=True), library=shop)
    ragas = [metric.name for metric in finished.metrics if metric.name.startswith("ragas.")]
    assert len(ragas) >= 10 and len(finished.rows) == 7
    wash = finished.rows[0].values
    assert wash["ragas.id_based_context_recall"] == 1.0
    assert 0.0 < wash["ragas.rouge_l"] < 1.0  # type: ignore[operator]
    assert wash["ragas.non_llm_context_recall"] == 1.0
    assert finished.rows[2].values["ragas.string_presence"] == 1.0
    assert all(isinstance(finished.rows[1].values[name], Unmeasured) for name in ragas)


async def test_ragas_gets_each_case_while_the_next_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, asked, begin = Shop(), [], RagasProcess.begin

    def noted(self: RagasProcess, seen: Observation) -> None:
        asked.append(len(shop.asked))
        begin(self, seen)

    monkeypatch.setattr(RagasProcess, "begin", noted)
    three = (CASES[0], CASES[2], CASES[3])
    metrics = ["ragas.exact_match"]
    finished = await run(golden(*three), shop, "shop", options=options(ragas=True, concurrency=1, metrics=metrics))
    assert asked == [1, 2, 3]
    assert [row.values[metrics[0]] for row in finished.rows][:2] == [0.0, 0.0]


async def test_scoring_does_not_count_into_latency() -> None:
    shop = Shop(delays={CASES[0].question: 0.03})
    finished = await run(golden(CASES[0]), shop, "shop", options=options())
    assert 30 <= finished.rows[0].values["latency_ms"] < 200  # type: ignore[operator]


def test_the_clock_is_passed_in() -> None:
    ticks = iter([datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)])
    finished = asyncio.run(run(golden(CASES[0]), Shop(), "shop", options=options(), clock=lambda: next(ticks)))
    assert (finished.ended_at - finished.started_at).days == 1


async def test_the_summary_of_many_rows_is_quick(tmp_path: Path) -> None:
    cases = [case(f"c{i}", f"Dry flat number {i}", "care/wash & dry.md", "Dry flat.") for i in range(400)]
    finished = await run(golden(*cases), Shop(), "shop", options=options())
    started = time.perf_counter()
    write_report(finished, tmp_path)
    assert time.perf_counter() - started < 20
    assert set(METRICS) <= set(finished.rows[0].values)
