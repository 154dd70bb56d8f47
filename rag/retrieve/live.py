"""Reads one question's evidence from one generation, whole, although another may go live meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar

from rag.errors import BusyError
from rag.ports import Catalogue, ReadDocument
from rag.telemetry import Spans
from rag.types import Generation

_Found = TypeVar("_Found")
_READS = 3  # of one question at most, when generations go live one after the other while it is read


@dataclass(frozen=True, slots=True)
class LiveReader:
    """Reads from the live generation of a corpus."""

    catalogue: Catalogue

    async def live(self, corpus: str, spans: Spans) -> Generation:
        """Return the live generation.

        Raises:
            CorpusNotFoundError: the corpus was never ingested.
        """
        with spans.stage("generation"):
            return await asyncio.to_thread(self.catalogue.live, corpus)

    async def of_one_generation(
        self, corpus: str, spans: Spans, read: Callable[[Generation], Awaitable[_Found]]
    ) -> _Found:
        """Return what `read` finds in the live generation; it reads anew if another one has gone live meanwhile.

        An ingest may delete a generation that was rolled back from, and a vacuum an old one, while we still read it.

        Raises:
            BusyError: that happened again and again.
        """
        for _ in range(_READS - 1):
            generation = await self.live(corpus, spans)
            try:
                found = await read(generation)
            except Exception:  # a generation that is being deleted may raise anything; a live one's error is real
                if await self.live(corpus, spans) == generation:
                    raise
            else:
                if await self.live(corpus, spans) == generation:
                    return found
        generation = await self.live(corpus, spans)
        try:
            return await read(generation)
        except Exception as error:
            if await self.live(corpus, spans) == generation:
                raise
            raise BusyError(
                f"generations of {corpus!r} went live one after the other while a question was read; ask it again"
            ) from error

    def documents(self, generation: Generation) -> ReadDocument:
        """Return a function that reads each document once: packing asks for the same one again and again."""
        return cache(partial(self.catalogue.document, generation))
