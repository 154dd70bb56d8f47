"""Who asks: with `serve.labels_header` set, a request sees only documents whose `acl` holds one of its labels.

The header is written by whatever authenticates callers in front of the service, which must strip what callers send
under that name. Every route takes its runtime from here, so that none can forget it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers

from api.errors import AccessError
from rag.conditions import Filter, OneOf, listed
from rag.errors import ConfigError
from rag.explain.flow import Explainer
from rag.pipeline import RagPipeline
from rag.ports import Verifier
from rag.runtime import Runtime
from rag.settings import ServeSettings, Settings
from rag.state.access import AccessCatalogue
from rag.state.reader import SqlCatalogue

ACL = "acl"
"""The metadata field that lists who may see a document."""


@dataclass(frozen=True, slots=True)
class CallerRuntime:
    """What a route may use: flow, explainer and catalogue as the caller sees them."""

    settings: Settings
    pipeline: RagPipeline
    explainer: Explainer
    catalogue: SqlCatalogue | AccessCatalogue
    verifier: Callable[[str | None], Verifier]


def runtime_for(runtime: Runtime, headers: Headers) -> CallerRuntime:
    """Return the runtime as the sender of these headers sees it.

    Raises:
        AccessError: access is restricted and the header is missing or repeated.
    """
    access = access_of(runtime.settings.serve, headers)
    if access is None:
        return CallerRuntime(runtime.settings, runtime.pipeline, runtime.explainer, runtime.catalogue, runtime.verifier)
    return CallerRuntime(runtime.settings, *runtime.restricted(access), runtime.verifier)


def access_of(settings: ServeSettings, headers: Headers) -> Filter | None:
    """Return the filter of the caller's labels; None where access is not restricted.

    Labels are separated by commas. One that holds a comma stands in quotes: `staff, "Sales, North"`.

    Raises:
        AccessError: the header is missing, repeated or leaves a quote open.
    """
    if settings.labels_header is None:
        return None
    given = headers.getlist(settings.labels_header)
    if len(given) != 1:
        raise AccessError(
            f"the request must have one header {settings.labels_header} with the caller's labels, not {len(given)};"
            " the proxy that authenticates callers must set it and strip what they send (serve.labels_header)"
        )
    try:
        labels = listed(given[0])
    except ConfigError as error:
        raise AccessError(f"cannot read the labels of {settings.labels_header}: close every quote") from error
    return (OneOf(ACL, tuple(dict.fromkeys((*settings.common_labels, *labels)))),)
