"""The first call of a process imports the clients, which takes seconds; nobody else may wait for that."""

from __future__ import annotations

import subprocess
import sys

FIRST_CALL = """
import asyncio, gc, time
from rag.errors import GeneratorUnavailableError
from rag.answer.generators import make_generator
from rag.llm import ChatModels
from rag.settings import AnswerSettings, Environment
from rag.types import Context, Message, Prompt

gc.disable()  # a collection of what the other thread imports falls on whichever thread asks for memory next
longest = 0.0

async def watch():
    global longest
    while True:
        start = time.thread_time()  # CPU time of the loop's thread: what else the machine does must not count
        await asyncio.sleep(0.005)
        longest = max(longest, time.thread_time() - start)

async def call():
    watching = asyncio.create_task(watch())
    models = ChatModels({}, Environment(openai_base_url="http://127.0.0.1:1/v1"))
    llm = make_generator(AnswerSettings(retries=0), models)
    try:
        await llm.generate("?", Context((), 0, 100, "none"), Prompt("p", "1", (Message("user", "?"),)))
    except GeneratorUnavailableError:
        await asyncio.sleep(0.02)
        print(longest)
    watching.cancel()

asyncio.run(call())
"""


def test_the_first_call_does_not_hold_the_loop() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, timeout=120, check=True)
    assert float(done.stdout) < 0.2, "seconds of work on the event loop"
