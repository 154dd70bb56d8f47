import asyncio
import threading

import pytest

from rag.bridge import run_sync


async def double(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


async def fail() -> None:
    raise ValueError("inside")


def test_from_plain_code() -> None:
    assert run_sync(double(2)) == 4


async def test_inside_a_running_loop() -> None:
    assert run_sync(double(3)) == 6


async def test_errors_come_through() -> None:
    with pytest.raises(ValueError, match="inside"):
        run_sync(fail())


def test_from_a_thread_of_its_own() -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(run_sync(double(4))))
    thread.start()
    thread.join()
    assert found == [8]
