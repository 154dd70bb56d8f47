"""Reads a corpus without a pause until its standard input closes, and writes down everything that it was shown.

Each line says when the question was asked and answered (the machine's monotonic clock), which generation answered, and
every passage of it. The runtime is opened anew now and then, so that the ownership of the shard goes round.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

from rag.models.embedders import EMBEDDERS
from rag.pipeline import Request
from rag.runtime import Runtime, open_runtime
from rag.settings import load_settings
from rag.types import Answer, SearchResult
from tests.proofs.light import use_light_embedder

EVERYTHING = 500
"""More hits than the corpus has chunks: an answer shows the whole generation."""


def main() -> None:
    """Read until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", required=True)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--models", help="use the default embedder, exported there, instead of the light one")
    parser.add_argument("questions", nargs="+")
    chosen = parser.parse_args()
    if chosen.models is None:
        use_light_embedder(EMBEDDERS)
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    overrides = [f"embedder.cache_dir={chosen.models}", "embedder.threads=1"] if chosen.models else []
    settings = load_settings(overrides=overrides, environ={"RAGWRIGHT_HOME": chosen.home})
    with chosen.records.open("a", encoding="utf-8") as records:
        number, pauses = 0, random.Random(0)
        while not stop.is_set():
            with open_runtime(settings) as runtime:
                for _ in range(20):
                    if stop.is_set():
                        break
                    number += 1
                    question = chosen.questions[number % len(chosen.questions)]
                    record = asyncio.run(_read(runtime, chosen.corpus, question, whole=number % 5 == 0))
                    records.write(json.dumps(record) + "\n")
                    records.flush()
                    time.sleep(0.05 if chosen.models else 0.01)
            # Without a pause nobody else would ever come to own the shard.
            stop.wait(pauses.uniform(0.0, 1.0))


async def _read(runtime: Runtime, corpus: str, question: str, *, whole: bool) -> dict[str, Any]:
    request = Request(question, corpus, top_k=EVERYTHING)
    record: dict[str, Any] = {"kind": "ask" if whole else "search", "question": question, "asked": time.monotonic()}
    try:
        if whole:
            record |= _of_answer(await runtime.pipeline.answer(request))
        else:
            record |= _of_search(await runtime.pipeline.search(request))
    except Exception as error:  # whatever a reader is told in place of an answer is a finding
        record["error"] = f"{type(error).__name__}: {error}"
    return record | {"answered": time.monotonic()}


def _of_search(result: SearchResult) -> dict[str, Any]:
    chunks = [hit.chunk for hit in result.hits]
    hits = [[chunk.doc_id, chunk.span.start, chunk.span.end, digest(chunk.text)] for chunk in chunks]
    return {"generation": result.generation.id, "hits": hits}


def _of_answer(answer: Answer) -> dict[str, Any]:
    passages = answer.context.context.passages
    quotes = [
        [cited.doc_id, cited.span.start, cited.span.end, cited.quote]
        for sentence in answer.sentences
        for cited in sentence.citations
    ]
    shown = [[passage.doc_id, [[span.start, span.end] for span in passage.spans], passage.text] for passage in passages]
    return _of_search(answer.context.search) | {
        "cited_generation": answer.provenance.generation,
        "quotes": quotes,
        "passages": shown,
    }


def digest(text: str) -> str:
    """Return what stands for a text in a record."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
