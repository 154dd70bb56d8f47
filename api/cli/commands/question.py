"""search, context, ask and explain."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from difflib import get_close_matches
from typing import TypeVar

from pydantic import ValidationError

from api.cli import render
from api.cli.commands.session import open_runtime
from api.cli.output import note, print_json, print_line, print_text
from api.cli.render_explain import explain_text
from api.errors import EXIT_DONE, InvalidRequestError
from api.http.bodies import AnswerBody, ContextBody, ExplainBody, SearchBody, passage_of, request_of
from rag import shapes as schemas
from rag.bridge import run_sync
from rag.conditions import OneOf
from rag.pipeline import Request, StreamEvent
from rag.runtime import Runtime
from rag.shapes.explain import explain_json
from rag.types import Answer

_Body = TypeVar("_Body", bound=SearchBody)


def search(arguments: argparse.Namespace) -> int:
    """Print the ranked hits."""
    body = _body(SearchBody, arguments)
    with open_runtime(arguments) as runtime:
        result = run_sync(runtime.pipeline.search(_request(body, runtime)))
        _note_unknown_fields(body, runtime)
    if arguments.json:
        print_json(schemas.search_json(result).model_dump(mode="json"))
    else:
        print_text(render.search_text(result))
    return EXIT_DONE


def context(arguments: argparse.Namespace) -> int:
    """Print the packed context."""
    body = _body(ContextBody, arguments)
    with open_runtime(arguments) as runtime:
        result = run_sync(runtime.pipeline.context(_request(body, runtime)))
        _note_unknown_fields(body, runtime)
    if arguments.json:
        print_json(schemas.context_json(result).model_dump(mode="json"))
    else:
        print_text(render.context_text(result))
    return EXIT_DONE


def ask(arguments: argparse.Namespace) -> int:
    """Print the answer and its sources, as a whole or as it is written."""
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
        print_json(schemas.answer_json(answer).model_dump(mode="json"))
    else:
        print_text(render.answer_text(answer))
    return EXIT_DONE


def explain(arguments: argparse.Namespace) -> int:
    """Print why a passage is in the context of a question, or why not."""
    body = _body(ExplainBody, arguments)
    with open_runtime(arguments) as runtime:
        found = run_sync(runtime.explainer.explain(_request(body, runtime), passage_of(body)))
    if arguments.json:
        print_json(explain_json(found).model_dump(mode="json"))
    else:
        print_text(explain_text(found))
    return EXIT_DONE


def _note_unknown_fields(body: SearchBody, runtime: Runtime) -> None:
    """Say which fields of the filter no document has: such a filter lets nothing through, or all."""
    if not body.filter:
        return
    known = runtime.catalogue.fields(runtime.catalogue.live(body.corpus))
    for field in dict.fromkeys(condition.field for condition in body.filter):
        if field not in known:
            near = get_close_matches(field, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"they have: {', '.join(sorted(known)) or 'none'}"
            note(f"no document of {body.corpus!r} has the metadata field {field!r}; {hint}")


async def _print_events(events: AsyncIterator[StreamEvent]) -> None:
    async for event in events:
        print_line(schemas.event_json(event))


async def _print_deltas(events: AsyncIterator[StreamEvent]) -> None:
    written = ""
    async for event in events:
        if event.kind == "delta":
            written += event.text
            print_text(event.text, end="")
        elif event.answer is not None:
            print_text(_after_stream(event.answer, written))


def _after_stream(answer: Answer, written: str) -> str:
    gap = "\n\n" if written else ""
    if answer.abstained:
        return gap + render.refusal_text(answer)
    # Checking may have changed the draft; then what was shown is not the answer.
    same = written.strip() == answer.text.strip()
    checked = "" if same else f"After checking its citations:\n{render.marked(answer)}\n\n"
    return gap + checked + render.sources_text(answer)


def _body(model: type[_Body], arguments: argparse.Namespace) -> _Body:
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
    return request_of(body, runtime.settings.serve.max_question_chars)
