"""The one way from synchronous callers (command line, notebooks, framework faces) into the asynchronous flow."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_sync(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return its result, also when the calling thread has a running event loop.

    Inside a running loop (a notebook, an async server that calls sync code) the work gets a thread and a loop of its
    own; the calling thread waits.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()
