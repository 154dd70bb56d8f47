"""Turns every error of a request into an RFC 9457 problem document (https://www.rfc-editor.org/rfc/rfc9457).

No document holds a stack trace or the request's own text; from 500 up it carries an `instance` that the log repeats.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from api.errors import http_status, problem_type, public_detail
from rag.errors import RagwrightError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5

_logger = logging.getLogger(__name__)
_MAX_SHOWN = 20  # problems of one body
_SLUGS = {400: "bad-request", 404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}


class FieldProblem(BaseModel):
    """One thing that is wrong with a request body; `field` is its dotted path."""

    field: str
    detail: str


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[FieldProblem] | None = None


RESPONSES: dict[int | str, dict[str, Any]] = {
    code: {"description": "A problem document", "model": Problem} for code in ("4XX", "5XX", 422)
}
"""What every route documents for its errors."""


def install(app: FastAPI) -> None:
    """Register the handlers of all errors."""
    app.add_exception_handler(RagwrightError, _on_ragwright_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_unexpected)


def problem(status: int, slug: str, detail: str, **members: Any) -> dict[str, Any]:
    """Return a problem document; `members` extend it."""
    title = slug.replace("-", " ").capitalize()
    return {"type": problem_type(slug), "title": title, "status": status, "detail": detail, **members}


def problem_of(error: Exception) -> dict[str, Any]:
    """Return the problem document of any exception and log those that are the service's own fault."""
    if not isinstance(error, RagwrightError):
        return problem(500, "internal-error", "something unexpected went wrong", instance=_logged(error))
    status = http_status(error)
    members = {"instance": _logged(error)} if status >= 500 else {}
    return problem(status, error.slug, public_detail(error), **members)


def respond(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return a problem document as a response; 503 says when to come back."""
    status = document["status"]
    extra = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    return JSONResponse(document, status, headers={**(headers or {}), **extra}, media_type=MEDIA_TYPE)


def _logged(error: Exception) -> str:
    instance = uuid.uuid4().urn
    expected = isinstance(error, RagwrightError)
    _logger.error("%s: %s", instance, error, exc_info=None if expected else error)
    return instance


async def _on_ragwright_error(_request: Request, error: Exception) -> JSONResponse:
    return respond(problem_of(error))


async def _on_unexpected(_request: Request, error: Exception) -> JSONResponse:
    return respond(problem_of(error))


async def _on_http_exception(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    slug = _SLUGS.get(error.status_code, "http-error")
    return respond(problem(error.status_code, slug, str(error.detail)), error.headers)


async def _on_validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [_field_problem(item) for item in error.errors()[:_MAX_SHOWN]]
    detail = "; ".join(f"{item['field']}: {item['detail']}" if item["field"] else item["detail"] for item in problems)
    return respond(problem(422, "invalid-request", detail, errors=problems))


def _field_problem(item: Mapping[str, Any]) -> dict[str, str]:
    if item["type"] == "json_invalid":
        return {"field": "", "detail": f"the body is no JSON: {item['ctx']['error']} at position {item['loc'][-1]}"}
    if item["loc"] == ("body",):
        return {"field": "", "detail": "the body must be a JSON object, sent as content-type application/json"}
    if item["type"] == "too_long" and isinstance(item["input"], str):  # pydantic counts "items" of a checked text
        return {"field": _path(item["loc"]), "detail": f"must have at most {item['ctx']['max_length']} characters"}
    return {"field": _path(item["loc"]), "detail": item["msg"]}


def _path(location: tuple[int | str, ...]) -> str:
    # "body" is where FastAPI looked, not a field.
    path = ".".join(str(part) for part in location if part != "body")
    return path.encode("utf-8", "replace").decode("utf-8")
