"""search, context, ask and explain."""

from __future__ import annotations

import argparse
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

from api.cli.commands.documents import note_unknown_fields
from api.cli.commands.session import open_runtime
from api.cli.grammar import add_corpus, add_verb
from api.cli.output import print_json, print_line, print_text
from api.errors import EXIT_DONE, InvalidRequestError

if TYPE_CHECKING:
    from api.cli.grammar import Verbs
    from api.http.bodies import SearchBody
    from rag.pipeline import Request, StreamEvent
    from rag.runtime import Runtime
    from rag.types import Answer

_Body = TypeVar("_Body", bound="SearchBody")


def add_verbs(verbs: Verbs) -> None:
    """Add `search`, `context`, `ask` and `explain`."""
    search_verb = add_verb(verbs, "search", search, "show the ranked hits of a question")
    context_verb = add_verb(verbs, "context", context, "show the packed context of a question, and its prompt")
    ask_verb = add_verb(verbs, "ask", ask, "answer a question with citations, or say why not")
    explain_verb = add_verb(verbs, "explain", explain, "say why a passage is in a question's context, or why not")
    for parser in (search_verb, context_verb, ask_verb, explain_verb):
        parser.add_argument("question", metavar="QUESTION")
        add_corpus(parser)
        parser.add_argument("--top-k", metavar="N", type=int, help="hits to keep (retrieval.top_k)")
        parser.add_argument(
            "--filter",
            metavar="CONDITION",
            action="append",
            default=[],
            help="only documents whose metadata meets this: key=value, key!=value, 'key>=2024-01-31', 'key in [a, b]'",
        )
    for parser in (context_verb, ask_verb, explain_verb):
        parser.add_argument("--budget-tokens", metavar="N", type=int, help="the context's size (context.budget_tokens)")
    explain_verb.add_argument(
        "--passage",
        metavar="DOC_ID[#START-END]",
        type=_passage,
        required=True,
        help="the document, percent-encoded, and characters of its clean text (default: all)",
    )
    ask_verb.add_argument("--prompt", metavar="NAME@VERSION", help="the prompt file (answer.prompt)")
    ask_verb.add_argument("--stream", action="store_true", help="show the answer as it is written; with --json, events")


def _passage(text: str) -> dict[str, str | int]:
    doc_id, hash_mark, characters = text.partition("#")
    places = re.fullmatch(r"(\d{1,12})-(\d{1,12})", characters)
    if hash_mark and not places:
        raise argparse.ArgumentTypeError(f"needs DOC_ID or DOC_ID#START-END (a # in the id is %23), got {text!r}")
    span = {"start": int(places[1]), "end": int(places[2])} if places else {}
    return {"doc_id": unquote(doc_id), **span}


def search(arguments: argparse.Namespace) -> int:
    """Print the ranked hits."""
    from api.cli.render import search_text
    from api.http.bodies import SearchBody
    from rag.bridge import run_sync
    from rag.shapes import search_json

    body = _body(SearchBody, arguments)
    with open_runtime(arguments) as runtime:
        result = run_sync(runtime.pipeline.search(_request(body, runtime)))
        _note_unknown_fields(body, runtime)
    if arguments.json:
        print_json(search_json(result).model_dump(mode="json"))
    else:
        print_text(search_text(result))
    return EXIT_DONE


def context(arguments: argparse.Namespace) -> int:
    """Print the packed context."""
    from api.cli.render import context_text
    from api.http.bodies import ContextBody
    from rag.bridge import run_sync
    from rag.shapes import context_json

    body = _body(ContextBody, arguments)
    with open_runtime(arguments) as runtime:
        result = run_sync(runtime.pipeline.context(_request(body, runtime)))
        _note_unknown_fields(body, runtime)
    if arguments.json:
        print_json(context_json(result).model_dump(mode="json"))
    else:
        print_text(context_text(result))
    return EXIT_DONE


def ask(arguments: argparse.Namespace) -> int:
    """Print the answer and its sources, as a whole or as it is written."""
    from api.cli.render import answer_text
    from api.http.bodies import AnswerBody
    from rag.bridge import run_sync
    from rag.shapes import answer_json

    body = _body(AnswerBody, arguments)
    with open_runtime(arguments) as runtime:
        request = _request(body, runtime)
        _note_unknown_fields(body, runtime)
        if body.stream:
            show = _print_events if arguments.json else _print_deltas
            run_sync(show(runtime.pipeline.stream(request)))
            return EXIT_DONE
        answer = run_sync(runtime.pipeline.answer(request))
    if arguments.json:
        print_json(answer_json(answer).model_dump(mode="json"))
    else:
        print_text(answer_text(answer))
    return EXIT_DONE


def explain(arguments: argparse.Namespace) -> int:
    """Print why a passage is in the context of a question, or why not."""
    from api.cli.render_explain import explain_text
    from api.http.bodies import ExplainBody, passage_of
    from rag.bridge import run_sync
    from rag.shapes.explain import explain_json

    body = _body(ExplainBody, arguments)
    with open_runtime(arguments) as runtime:
        found = run_sync(runtime.explainer.explain(_request(body, runtime), passage_of(body)))
        _note_unknown_fields(body, runtime)
    if arguments.json:
        print_json(explain_json(found).model_dump(mode="json"))
    else:
        print_text(explain_text(found))
    return EXIT_DONE


def _note_unknown_fields(body: SearchBody, runtime: Runtime) -> None:
    """Say which fields of the filter, and of the settings that leave out or demote, no document has."""
    from rag.conditions import parse_condition

    note_unknown_fields((condition.field for condition in body.filter), body.corpus, runtime)
    retrieval = runtime.settings.retrieval
    for setting, conditions in (("retrieval.leave_out", retrieval.leave_out), ("retrieval.demote", retrieval.demote)):
        note_unknown_fields((parse_condition(text).field for text in conditions), body.corpus, runtime, setting)


async def _print_events(events: AsyncIterator[StreamEvent]) -> None:
    from rag.shapes import event_json

    async for event in events:
        print_line(event_json(event))


async def _print_deltas(events: AsyncIterator[StreamEvent]) -> None:
    written = ""
    async for event in events:
        if event.kind == "delta":
            written += event.text
            print_text(event.text, end="")
        elif event.answer is not None:
            print_text(_after_stream(event.answer, written))


def _after_stream(answer: Answer, written: str) -> str:
    from api.cli.render import marked, refusal_text, sources_text

    gap = "\n\n" if written else ""
    if answer.abstained:
        return gap + refusal_text(answer)
    # Checking may have changed the draft; then what was shown is not the answer.
    same = written.strip() == answer.text.strip()
    checked = "" if same else f"After checking its citations:\n{marked(answer)}\n\n"
    return gap + checked + sources_text(answer)


def _body(model: type[_Body], arguments: argparse.Namespace) -> _Body:
    from pydantic import ValidationError

    from rag.conditions import OneOf

    given = {name: getattr(arguments, name) for name in model.model_fields if hasattr(arguments, name)}
    try:
        body = model.model_validate(given)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise InvalidRequestError("; ".join(problems)) from error
    equal = [c.field for c in body.filter if isinstance(c, OneOf) and not c.negated]
    if len(set(equal)) < len(equal):
        raise InvalidRequestError("--filter names a field twice; ask for one value of each, or: 'field in [a, b]'")
    return body


def _request(body: SearchBody, runtime: Runtime) -> Request:
    from api.http.bodies import request_of

    return request_of(body, runtime.settings.serve.max_question_chars)
