"""How errors leave the system: an exit code on the command line, a status over HTTP, one `type` on both."""

from __future__ import annotations

from rag import errors
from rag.errors import RagwrightError


class InvalidRequestError(RagwrightError):
    """A request body or a command line does not fit its schema."""

    slug = "invalid-request"


class AccessError(RagwrightError):
    """A request does not say who asks, where access is restricted."""

    slug = "access-denied"


HTTP_STATUS: dict[type[RagwrightError], int] = {
    RagwrightError: 500,
    InvalidRequestError: 422,
    AccessError: 403,
    errors.ConfigError: 400,
    errors.PassageError: 422,
    errors.SourceError: 400,
    errors.IdTakenError: 409,
    errors.PruneRefusedError: 409,
    errors.FetchError: 503,
    errors.CorpusNotFoundError: 404,
    errors.SourceNotFoundError: 404,
    errors.DocumentNotFoundError: 404,
    errors.BusyError: 503,
    errors.IndexUnavailableError: 503,
    errors.CatalogueUnavailableError: 503,
    errors.StateError: 500,
    errors.ModelError: 500,
    errors.GeneratorError: 502,
    errors.GeneratorUnavailableError: 503,
    errors.GoldenSetError: 400,
}
"""The status of each error; a class that is not listed has its nearest base's."""

PUBLIC_DETAIL: dict[type[RagwrightError], str] = {
    RagwrightError: "the service could not do this; its log has the reason under this instance",
    errors.FetchError: "a source does not answer; try again",
    errors.BusyError: "another process holds what this needs; try again",
    errors.IndexUnavailableError: "the vector index does not answer; try again",
    errors.StateError: "stored state is missing, damaged, full or of another version; the log names it, and `ragwright"
    " doctor --repair` mends what can be mended",
    errors.ModelError: "a model's weights are missing, altered or unusable; the log names them",
    errors.GeneratorError: "the language model refused the request or returned something unusable",
    errors.GeneratorUnavailableError: "the language model did not answer in time; try again",
}
"""What a caller is told from status 500 up: the message itself may hold hosts, paths or a document's text."""

EXIT_DONE, EXIT_ERROR, EXIT_USAGE, EXIT_SOME_FAILED = 0, 1, 2, 3
EXIT_GATE_FAILED, EXIT_INCONCLUSIVE = 100, 101
EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 130, 141
"""Exit codes (those of `ragwright gate` come from its policy); the last two are the shell's for SIGINT and SIGPIPE."""


def http_status(error: RagwrightError) -> int:
    """Return the HTTP status of an error."""
    return next(HTTP_STATUS[base] for base in type(error).__mro__ if base in HTTP_STATUS)


def public_detail(error: RagwrightError) -> str:
    """Return what a caller over HTTP may read of an error: its message below 500, else what its class says."""
    if http_status(error) < 500:
        return str(error)
    return next(PUBLIC_DETAIL[base] for base in type(error).__mro__ if base in PUBLIC_DETAIL)


def exit_code(error: RagwrightError) -> int:
    """Return the exit code of an error: 2 where the caller must write the command differently, else 1."""
    return EXIT_USAGE if isinstance(error, errors.ConfigError | InvalidRequestError) else EXIT_ERROR


def problem_type(slug: str) -> str:
    """Return the stable identifier of a kind of problem (RFC 9457 `type`); it does not resolve to a page."""
    return f"urn:ragwright:problem:{slug}"


def error_json(slug: str, detail: str) -> dict[str, dict[str, str]]:
    """Return what `--json` prints for an error; `type` is the same as over HTTP."""
    return {"error": {"type": problem_type(slug), "detail": detail}}
