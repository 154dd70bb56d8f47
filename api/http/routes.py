"""The HTTP routes; each parses, calls the flow once and converts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from fastapi.sse import EventSourceResponse

from api.http.access import CallerRuntime, runtime_for
from api.http.bodies import (
    AnswerBody,
    ContextBody,
    DocId,
    ExplainBody,
    Name,
    SearchBody,
    VerifyBody,
    claim_row,
    passage_of,
    request_of,
)
from api.http.problems import RESPONSES, problem, respond
from api.http.readiness import Readiness
from api.http.stream import server_sent_events
from api.version import ragwright_version
from rag import pipeline
from rag import shapes as schemas
from rag.answer.batch import verify_rows
from rag.shapes import AnswerJson, ContextJson, CorporaJson, DocumentJson, SearchJson, VerdictsJson
from rag.shapes.explain import ExplainJson, explain_json

router = APIRouter(responses=RESPONSES)
_EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {EventSourceResponse.media_type: {}}, "description": "An answer, or its events"}
}


def _runtime(request: Request) -> CallerRuntime:
    return runtime_for(request.app.state.runtime, request.headers)


def _readiness(request: Request) -> Readiness:
    readiness: Readiness = request.app.state.readiness
    return readiness


Running = Annotated[CallerRuntime, Depends(_runtime)]


@router.post("/v1/search")
async def search(body: SearchBody, runtime: Running) -> SearchJson:
    """Return the ranked hits of a question."""
    return schemas.search_json(await runtime.pipeline.search(_request(body, runtime)))


@router.post("/v1/context")
async def context(body: ContextBody, runtime: Running) -> ContextJson:
    """Return the packed context of a question and the prompt made of it."""
    return schemas.context_json(await runtime.pipeline.context(_request(body, runtime)))


@router.post("/v1/answer", response_model=AnswerJson, responses={**RESPONSES, **_EVENT_STREAM})
async def answer(body: AnswerBody, runtime: Running) -> AnswerJson | Response:
    """Return a checked answer; with `stream`, its events `context`, `delta`... and `answer`, or `error`."""
    if body.stream:
        return await server_sent_events(runtime.pipeline.stream(_request(body, runtime)))
    return schemas.answer_json(await runtime.pipeline.answer(_request(body, runtime)))


@router.post("/v1/explain")
async def explain(body: ExplainBody, runtime: Running, request: Request) -> ExplainJson:
    """Return why a passage is in the context of a question, or which gate removed it and what would let it in."""
    asked = _request(body, runtime)
    # One explanation runs the flow up to hundreds of times; two at once would leave nothing to those who search.
    async with request.app.state.explaining:
        return explain_json(await runtime.explainer.explain(asked, passage_of(body)))


@router.post("/v1/verify")
async def verify(body: VerifyBody, runtime: Running) -> VerdictsJson:
    """Return how well the evidence of each row supports its claim, in order; no corpus is read."""
    verdicts = await verify_rows([claim_row(row) for row in body.rows], runtime.verifier(body.method))
    return VerdictsJson(rows=[schemas.verdict_json(verdict) for verdict in verdicts])


@router.get("/v1/corpora")
def corpora(runtime: Running) -> CorporaJson:
    """Return every corpus and its live generation."""
    names = runtime.catalogue.corpora()
    return CorporaJson(corpora=[schemas.corpus_json(runtime.catalogue.live(name)) for name in names])


@router.get("/v1/corpora/{corpus}/documents/{doc_id:path}")
def document(corpus: Name, doc_id: DocId, runtime: Running) -> DocumentJson:
    """Return a document's clean text, which all offsets speak of; percent-encode the id."""
    generation = runtime.catalogue.live(corpus)
    return schemas.document_json(runtime.catalogue.document(generation, doc_id), generation)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Say that the process runs."""
    return {"status": "ok", "version": ragwright_version()}


@router.get("/readyz", response_model=dict[str, str])
async def readyz(readiness: Annotated[Readiness, Depends(_readiness)]) -> dict[str, str] | JSONResponse:
    """Say whether the catalogue, the index and the model answer; 503 with `checks` until they do."""
    reasons = await readiness.reasons()
    missing = {part: reason for part, reason in reasons.items() if reason}
    if not missing:
        return dict.fromkeys(reasons, "ok")
    detail = "; ".join(f"{part}: {reason}" for part, reason in missing.items())
    return respond(problem(503, "not-ready", detail, checks={part: reasons[part] or "ok" for part in reasons}))


def _request(body: SearchBody, runtime: CallerRuntime) -> pipeline.Request:
    return request_of(body, runtime.settings.serve.max_question_chars)
