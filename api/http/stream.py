"""Sends the events of an answer as server-sent events, as soon as each is there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from fastapi.sse import EventSourceResponse, format_sse_event

from api.http.problems import problem_of
from rag.shapes import event_json

if TYPE_CHECKING:
    from rag.pipeline import StreamEvent

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


async def server_sent_events(events: AsyncIterator[StreamEvent]) -> EventSourceResponse:
    """Return the response that streams `events`.

    The first event is awaited here, so that what fails before it becomes a problem document with its own status. What
    fails later ends the stream with an `error` event that holds the problem document.
    """
    first = await anext(events)
    return EventSourceResponse(_frames(first, events), headers=_HEADERS)


async def _frames(first: StreamEvent, rest: AsyncIterator[StreamEvent]) -> AsyncIterator[bytes]:
    yield _frame(event_json(first))
    try:
        async for event in rest:
            yield _frame(event_json(event))
    except Exception as error:  # the status is sent already: the stream itself must say what happened
        yield _frame({"event": "error", "error": problem_of(error)})


def _frame(document: dict[str, Any]) -> bytes:
    return format_sse_event(event=document["event"], data_str=json.dumps(document, ensure_ascii=False))
