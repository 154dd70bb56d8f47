"""serve."""

from __future__ import annotations

import argparse
import errno
import logging
import socket
import sys
from typing import TYPE_CHECKING

from api.cli.commands.session import settings_of
from api.cli.grammar import add_verb
from api.cli.output import note, print_line
from api.errors import EXIT_DONE
from rag.errors import BusyError, ConfigError

if TYPE_CHECKING:
    import uvicorn

    from api.cli.grammar import Verbs
    from rag.runtime import Runtime

_GRACE_S = 10


def add_verbs(verbs: Verbs) -> None:
    """Add `serve`."""
    serving = add_verb(verbs, "serve", serve, "serve the HTTP API until interrupted")
    serving.add_argument("--host", metavar="HOST", help="address to listen on (serve.host)")
    serving.add_argument("--port", metavar="PORT", type=int, help="port to listen on, 0 for any free one (serve.port)")


def serve(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; running requests get ten seconds to end."""
    import signal

    import uvicorn

    from rag import runtime as bootstrap

    settings = settings_of(arguments, serve__host=arguments.host, serve__port=arguments.port)
    with listen(settings.serve.host, settings.serve.port) as listener, bootstrap.open_runtime(settings) as runtime:
        runtime.pipeline  # noqa: B018 - a stage that the settings misname must be a line here, not an error per request
        url = _url(listener)
        note(f"serving {url} (stop with Ctrl-C)")
        if arguments.json:
            print_line({"url": url})
        logging.getLogger("uvicorn").setLevel(logging.INFO)
        config = _server_config(runtime)
        # The server raises the signal that stopped it once more; by default that would end the process right there.
        signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(EXIT_DONE))
        uvicorn.Server(config).run(sockets=[listener])
    return EXIT_DONE


def _server_config(runtime: Runtime) -> uvicorn.Config:
    import uvicorn

    from api.app import create_app
    from api.http.connections import guarded, limits_of

    serve = runtime.settings.serve
    limits = limits_of(serve.max_connections, serve.read_timeout_s)
    return uvicorn.Config(
        create_app(runtime),
        http=guarded(limits),
        ws="none",
        backlog=limits.backlog,
        log_config=None,
        timeout_graceful_shutdown=_GRACE_S,
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, so that a port in use is found before anything is loaded.

    Raises:
        BusyError: another process listens there.
        ConfigError: the address is not one to listen on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BusyError(f"port {port} of {host} is in use; choose another with --port, or 0 for any") from error
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
