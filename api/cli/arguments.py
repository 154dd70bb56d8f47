"""The grammar of the command line: every verb, its options and where its code is; nothing heavy is imported here."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote

from api.errors import InvalidRequestError
from api.version import ragwright_version

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

_EPILOG = "exit codes: 0 done, 1 error, 2 usage, 3 done but some documents failed, 100 gate failed, 101 inconclusive"


class _Parser(argparse.ArgumentParser):
    """A parser that raises where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        raise InvalidRequestError(f"{message} (see: {self.prog} --help)")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; `handler` of a parsed namespace names the verb's function as `module:function`."""
    parser: argparse.ArgumentParser = _Parser(
        prog="ragwright",
        description="Cited answers and packed contexts from your documents, measured on your own questions.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ragwright {ragwright_version()}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _add_corpus_verbs(verbs)
    _add_question_verbs(verbs)
    _add_evaluation_verbs(verbs)
    _add_golden_verbs(verbs)
    _add_judge_verbs(verbs)
    _add_prompt_verbs(verbs)
    _add_generation_verbs(verbs)
    _add_service_verbs(verbs)
    return parser


def _verb(verbs: Verbs, name: str, handler: str, help: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=help, description=help, allow_abbrev=False)
    parser.set_defaults(handler=handler)
    common = parser.add_argument_group("common options")
    common.add_argument("--config", metavar="FILE", type=Path, help="settings in YAML; unknown keys are errors")
    common.add_argument(
        "--set", metavar="KEY=VALUE", dest="overrides", action="append", default=[], help="one setting, repeatable"
    )
    common.add_argument("--json", action="store_true", help="one JSON document on standard output")
    common.add_argument("--debug", action="store_true", help="show tracebacks, warnings and debug logs")
    return parser


def _group(verbs: Verbs, name: str, help: str) -> Verbs:
    group = verbs.add_parser(name, help=help, description=help, allow_abbrev=False)
    return group.add_subparsers(title="verbs", metavar="VERB", required=True)


def _add_corpus_verbs(verbs: Verbs) -> None:
    ingest = _verb(verbs, "ingest", "corpus:ingest_sources", "read sources into a corpus; the unchanged cost nothing")
    ingest.add_argument(
        "sources",
        metavar="SOURCE",
        nargs="*",
        help="a folder, file, glob, .zip, documents.jsonl, or a URL (https, sitemap.xml, s3, gs, az, …);"
        " without one, every source that the corpus remembers is refreshed",
    )
    _add_corpus(ingest)
    ingest.add_argument(
        "--prefix", metavar="P", default="", help="start the ids of the sources' documents with P/; part of the source"
    )
    ingest.add_argument(
        "--include",
        metavar="GLOB",
        action="append",
        default=[],
        help="read only these names of the sources (repeatable)",
    )
    ingest.add_argument(
        "--exclude", metavar="GLOB", action="append", default=[], help="leave these names or folders out (repeatable)"
    )
    ingest.add_argument(
        "--prune", action="store_true", help="remove documents that are gone from the sources of this run, no others"
    )
    ingest.add_argument(
        "--allow-delete-over", metavar="SHARE", type=_share, help="let a prune remove more than this share (0..1)"
    )
    ingest.add_argument("--retry-failed", action="store_true", help="try unchanged documents again that failed before")
    ingest.add_argument("--jobs", metavar="N", type=_positive, help="partition workers (ingest.jobs)")
    ingest.add_argument(
        "--gate", metavar="SET", type=Path, help="go live only if this golden set is answered no worse than before"
    )
    ingest.add_argument("--policy", metavar="FILE", type=Path, help="the gate's margins (YAML), as for ragwright gate")
    ingest.add_argument("--split", metavar="NAME", help="the gate asks only questions of this split")
    ingest.add_argument("--dry-run", action="store_true", help="say what would change, write nothing")
    _add_source_verbs(verbs)
    erase = _verb(
        verbs, "erase", "corpus:erase_documents", "erase documents from every generation, without a trace in any file"
    )
    erase.add_argument("documents", metavar="DOC_ID", nargs="+", help="document ids, as status and hits show them")
    _add_corpus(erase)
    backup = _verb(verbs, "backup", "backup:back_up", "write the live generation of a corpus to one file")
    restore = _verb(verbs, "restore", "backup:restore_corpus", "bring a corpus back from a file that backup wrote")
    for parser in (backup, restore):
        parser.add_argument("file", metavar="FILE", type=Path, help="the backup")
        _add_corpus(parser)
    restore.add_argument("--replace", action="store_true", help="if the corpus exists, make the backup its live state")
    status = _verb(
        verbs, "status", "corpus:show_status", "show generations, documents, chunks, failures, sizes, models"
    )
    status.add_argument("--corpus", metavar="NAME", help="one corpus (default: all)")


def _add_source_verbs(verbs: Verbs) -> None:
    group = _group(verbs, "sources", "list, remove and move what a corpus is read from")
    listing = _verb(group, "list", "sources:list_sources", "list the sources that an ingest without SOURCE refreshes")
    remove = _verb(
        group, "remove", "sources:remove", "publish a generation without a source's documents, and forget the source"
    )
    move = _verb(group, "move", "sources:move", "read a source from another place from now on; its documents stay")
    for parser in (remove, move):
        parser.add_argument("source", metavar="SOURCE", help="as listed, or any spelling of the same place")
        parser.add_argument("--prefix", metavar="P", help="which one, where a place is remembered with several")
    move.add_argument("target", metavar="TARGET", help="where it is now")
    remove.add_argument(
        "--allow-delete-over", metavar="SHARE", type=_share, help="let it remove more than this share (0..1)"
    )
    for parser in (listing, remove, move):
        _add_corpus(parser)


def _add_question_verbs(verbs: Verbs) -> None:
    search = _verb(verbs, "search", "question:search", "show the ranked hits of a question")
    context = _verb(verbs, "context", "question:context", "show the packed context of a question, and its prompt")
    ask = _verb(verbs, "ask", "question:ask", "answer a question with citations, or say why not")
    explain = _verb(verbs, "explain", "question:explain", "say why a passage is in a question's context, or why not")
    for parser in (search, context, ask, explain):
        parser.add_argument("question", metavar="QUESTION")
        _add_corpus(parser)
        parser.add_argument("--top-k", metavar="N", type=int, help="hits to keep (retrieval.top_k)")
        parser.add_argument(
            "--filter",
            metavar="CONDITION",
            action="append",
            default=[],
            help="only documents whose metadata meets this: key=value, key!=value, 'key>=2024-01-31', 'key in [a, b]'",
        )
    for parser in (context, ask, explain):
        parser.add_argument("--budget-tokens", metavar="N", type=int, help="the context's size (context.budget_tokens)")
    explain.add_argument(
        "--passage",
        metavar="DOC_ID[#START-END]",
        type=_passage,
        required=True,
        help="the document, percent-encoded, and characters of its clean text (default: all)",
    )
    ask.add_argument("--prompt", metavar="NAME@VERSION", help="the prompt file (answer.prompt)")
    ask.add_argument("--stream", action="store_true", help="show the answer as it is written; with --json, events")


def _add_evaluation_verbs(verbs: Verbs) -> None:
    evaluate = _verb(verbs, "eval", "evaluation:evaluate", "run a golden set and write its scores with intervals")
    evaluate.add_argument("golden", metavar="SET", type=Path, help="a folder with questions.jsonl")
    _add_corpus(evaluate)
    evaluate.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the run is written")
    evaluate.add_argument("--split", metavar="NAME", help="only questions of this split")
    evaluate.add_argument(
        "--where", metavar="KEY=VALUE", action="append", default=[], help="only questions whose field equals this"
    )
    evaluate.add_argument("--ingest", action="store_true", help="build the corpus from the set's documents first")
    compare = _verb(verbs, "compare", "evaluation:compare", "show paired differences of two runs, with intervals")
    compare.add_argument("run_a", metavar="RUN_A", type=Path, help="a folder written by eval")
    compare.add_argument("run_b", metavar="RUN_B", type=Path, help="a folder written by eval")
    compare.add_argument("--out", metavar="DIR", type=Path, help="also write comparison.json and summary.md there")
    gate = _verb(verbs, "gate", "evaluation:gate", "decide whether a candidate run is no worse than a baseline")
    gate.add_argument("--baseline", metavar="RUN", type=Path, required=True, help="a folder written by eval")
    gate.add_argument("--candidate", metavar="RUN", type=Path, required=True, help="a folder written by eval")
    gate.add_argument(
        "--with",
        metavar="RUN",
        type=Path,
        action="append",
        default=[],
        dest="others",
        help="a run of the candidate over another set that the policy requires; repeatable",
    )
    gate.add_argument("--policy", metavar="FILE", type=Path, help="margins and what an undecided gate does (YAML)")
    gate.add_argument("--out", metavar="DIR", type=Path, help="also write gate.json, junit.xml and summary.md there")
    gate.add_argument(
        "--error-rates", action="store_true", help="how often this gate errs on such runs: A/A and planted regressions"
    )
    gate.add_argument("--repeats", metavar="N", type=_positive, default=200, help="comparisons for --error-rates")


def _add_golden_verbs(verbs: Verbs) -> None:
    group = _group(verbs, "golden", "bring in, check and make golden sets")
    bring = _verb(group, "import", "golden:import_golden", "write another tool's set as a golden-set folder")
    bring.add_argument("format", metavar="FORMAT", help="promptfoo, ragas, beir or trec")
    bring.add_argument("source", metavar="SOURCE", type=Path, help="the file or folder of that tool")
    bring.add_argument("--out", metavar="DIR", type=Path, required=True, help="the new folder")
    bring.add_argument(
        "--documents", metavar="PATH", type=Path, help="a folder or documents.jsonl that the set asks about"
    )
    check = _verb(group, "check", "golden:check_golden", "read a set strictly; find what its splits share")
    check.add_argument("golden", metavar="SET", type=Path, help="a folder with questions.jsonl")
    cover = _verb(
        group, "coverage", "golden:golden_coverage", "show what of a corpus, and of real questions, a set misses"
    )
    cover.add_argument("golden", metavar="SET", type=Path, help="a folder with questions.jsonl")
    _add_corpus(cover)
    cover.add_argument("--traffic", metavar="FILE", type=Path, help="real questions: JSON lines with question, or .txt")
    cover.add_argument("--similarity", metavar="S", type=_share, help="from which questions are one intent (0.5)")
    make = _verb(group, "synthesize", "golden:synthesize_golden", "make a synthetic set from a corpus's own text")
    _add_corpus(make)
    make.add_argument("--out", metavar="DIR", type=Path, required=True, help="the new folder")
    make.add_argument("--n", metavar="N", type=_positive, default=200, help="cases to make (default 200)")
    make.add_argument("--seed", metavar="N", type=int, default=0, help="another seed, another draw (default 0)")
    make.add_argument(
        "--hold-out", metavar="N", type=_count, default=0, help="leave N documents out of the set and ask about them"
    )
    make.add_argument("--llm", action="store_true", help="let the model that answers write the questions")
    label = _verb(verbs, "label", "label:label", "turn real questions into cases: say which passages answer them")
    label.add_argument("golden", metavar="SET", type=Path, help="the set to add to; a new folder makes a new set")
    _add_corpus(label)
    label.add_argument(
        "--from", metavar="FILE", dest="source", type=Path, help="questions that were asked: JSON lines, or .txt"
    )
    label.add_argument("--top-k", metavar="N", type=_positive, default=5, help="passages to show (default 5)")


def _add_judge_verbs(verbs: Verbs) -> None:
    group = _group(verbs, "judge", "score runs by judges, and compare judges with people")
    calibrate = _verb(group, "calibrate", "judge:calibrate_judge", "say how a judge agrees with people's labels")
    calibrate.add_argument(
        "labels", metavar="LABELS", type=Path, help='JSON lines: {"id", "human", "question", "answer", "contexts", …}'
    )
    calibrate.add_argument("--judge", metavar="NAME", required=True, help="a key of judge.models, or lexical")
    calibrate.add_argument("--metric", metavar="METRIC", required=True, help="faithfulness, aspect.NAME, …; support")
    calibrate.add_argument("--run", metavar="RUN", type=Path, help="take the scores of a run, by id, and ask nobody")
    calibrate.add_argument(
        "--scale", metavar="LOW:HIGH", type=_scale, default=(0.0, 1.0), help="what people gave worst and best (0:1)"
    )
    calibrate.add_argument(
        "--threshold", metavar="SHARE", type=_share, default=0.5, help="what counts as true, on 0..1 (0.5)"
    )
    calibrate.add_argument(
        "--no-order", action="store_true", help="ask once only, and leave the position bias unmeasured"
    )
    score = _verb(group, "score", "judge:score_run", "let the judges score a run that was made before")
    score.add_argument("run", metavar="RUN", type=Path, help="a folder written by eval; its scores are replaced")
    _verb(group, "list", "judge:list_calibrations", "list the calibrations, newest first")


def _add_prompt_verbs(verbs: Verbs) -> None:
    group = _group(verbs, "prompts", "list, show, compare and check prompt files")
    _verb(group, "list", "prompts:list_prompts", "list every prompt and version")
    show = _verb(group, "show", "prompts:show", "show one prompt file")
    show.add_argument("prompt", metavar="NAME@VERSION")
    diff = _verb(group, "diff", "prompts:diff", "show what differs between two prompt files")
    diff.add_argument("old", metavar="NAME@VERSION")
    diff.add_argument("new", metavar="NAME@VERSION")
    _verb(group, "lint", "prompts:lint", "check every prompt file")


def _add_generation_verbs(verbs: Verbs) -> None:
    group = _group(verbs, "generations", "list, switch and clean up the published views of a corpus")
    for name, handler, purpose in (
        ("list", "list_generations", "list the generations of a corpus"),
        ("promote", "promote", "make a kept generation the live one"),
        ("rollback", "roll_back", "make the generation before the live one live again"),
        ("vacuum", "erase", "erase what no kept generation sees (ingest.keep_generations)"),
    ):
        parser = _verb(group, name, f"generations:{handler}", purpose)
        _add_corpus(parser)
        if name == "promote":
            parser.add_argument("generation", metavar="GENERATION", type=int, help="its id, as in generations list")


def _add_service_verbs(verbs: Verbs) -> None:
    serve = _verb(verbs, "serve", "service:serve", "serve the HTTP API until interrupted")
    serve.add_argument("--host", metavar="HOST", help="address to listen on (serve.host)")
    serve.add_argument("--port", metavar="PORT", type=int, help="port to listen on, 0 for any free one (serve.port)")
    doctor = _verb(
        verbs, "doctor", "doctor:doctor", "check packages, model, disk, and that every index holds what it should"
    )
    doctor.add_argument("--repair", action="store_true", help="mend what is wrong with the indexes, then check")


def _add_corpus(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--corpus", metavar="NAME", required=True, help="the corpus")


def _scale(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    scale = float(low), float(high)
    if scale[0] >= scale[1]:
        raise argparse.ArgumentTypeError(f"needs LOW:HIGH with LOW below HIGH, got {text!r}")
    return scale


def _passage(text: str) -> dict[str, str | int]:
    doc_id, hash_mark, characters = text.partition("#")
    places = re.fullmatch(r"(\d{1,12})-(\d{1,12})", characters)
    if hash_mark and not places:
        raise argparse.ArgumentTypeError(f"needs DOC_ID or DOC_ID#START-END (a # in the id is %23), got {text!r}")
    span = {"start": int(places[1]), "end": int(places[2])} if places else {}
    return {"doc_id": unquote(doc_id), **span}


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, got {text}")
    return share


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must not be negative, got {text}")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return number
