"""THE FLOW over HTTP: a request -> one call of `rag.pipeline` -> the contract's JSON, or a problem document."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api.http import problems
from api.http.body_limit import BodyLimit
from api.http.hang_up import HangUp
from api.http.hosts import KnownHosts
from api.http.readiness import Readiness
from api.http.routes import router
from api.version import ragwright_version
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings


def create_app(source: Settings | Runtime) -> FastAPI:
    """Return the service.

    Settings are opened when the service starts and closed when it stops; a runtime stays its owner's to close.
    """
    settings = source if isinstance(source, Settings) else source.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        runtime = open_runtime(source) if isinstance(source, Settings) else source
        runtime.pipeline  # noqa: B018 - a stage that the settings misname must fail the start, not each request
        app.state.runtime = runtime
        app.state.readiness = Readiness(runtime)
        app.state.explaining = asyncio.Lock()
        # What takes long at its first use is used here: a model's loading, and a schema that would hold up the loop.
        warm_up = asyncio.gather(app.state.readiness.reasons(), asyncio.to_thread(app.openapi))
        try:
            yield
        finally:
            warm_up.cancel()
            if runtime is not source:
                runtime.close()

    app = FastAPI(
        title="Ragwright",
        summary="Cited answers and packed contexts from your documents",
        version=ragwright_version(),
        lifespan=lifespan,
        # The interactive pages load scripts from a public network; the schema itself is served.
        docs_url=None,
        redoc_url=None,
        # A path that differs by a slash is unknown like any other, not a redirect without a problem document.
        redirect_slashes=False,
    )
    serve = settings.serve
    # The last one added is the first to see a request.
    app.add_middleware(BodyLimit, max_bytes=serve.max_body_bytes)
    app.add_middleware(HangUp, timeout_s=serve.timeout_s)
    app.add_middleware(KnownHosts, names=(serve.host, *serve.allowed_hosts))
    app.include_router(router)
    problems.install(app)
    return app
