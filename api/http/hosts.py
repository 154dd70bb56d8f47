"""Refuses requests that name another host than this service's.

A page of a stranger can point its own name at 127.0.0.1 and so talk to a service on the reader's machine, as if it came
from there (DNS rebinding). Its requests carry the stranger's name as their Host.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problems import problem, respond

ANY = "*"


class KnownHosts:
    """ASGI middleware: it lets requests through whose Host is an address, localhost or one of `names`.

    An address cannot be rebound, so it is no danger whatever it is. `*` among the names lets everything through.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = {"localhost", *(name.lower().rstrip(".") for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400."""
        if scope["type"] != "http" or ANY in self._names or self._is_known(Headers(scope=scope).getlist("host")):
            await self._app(scope, receive, send)
            return
        detail = "the Host of the request is not one of this service's names; add it to serve.allowed_hosts"
        await respond(problem(400, "unknown-host", detail))(scope, receive, send)

    def _is_known(self, given: list[str]) -> bool:
        if len(given) != 1:
            return False
        host = _without_port(given[0].strip().lower()).rstrip(".")
        return host in self._names or _is_address(host)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
