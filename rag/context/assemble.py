"""The assemble stage: hits -> merge, expand, drop, compress, choose, pack -> the tagged passages of a context."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rag.cache.stages import UNKEPT, StageResults, stage_key
from rag.context.compress import compressed_away
from rag.context.dedupe import drop_near_duplicates
from rag.context.diversity import cap_documents, diversify
from rag.context.knapsack import packing_of
from rag.context.order import order_of
from rag.context.pack import pack
from rag.context.parents import expand, merge_children
from rag.context.releases import prefer_newest
from rag.context.sections import sectioned
from rag.errors import DocumentNotFoundError
from rag.ports import Catalogue, Compressor, ReadDocument, Tokenizer
from rag.settings import ContextSettings
from rag.telemetry import Spans
from rag.types import Block, Context, Dropped, Generation, Hit, Query, Ranking, Selection

PACKED_BY = frozenset({"budget_tokens", "max_passages", "packing", "order"})
"""The settings of a context that change nothing of what is selected for it."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What is to be packed, and what was left out before."""

    selections: tuple[Selection, ...]
    dropped: tuple[Dropped, ...]


class Assembler:
    """Packs a context from hits, and writes down what it leaves out and why."""

    def __init__(
        self,
        catalogue: Catalogue,
        compressor: Compressor,
        tokenizer: Callable[[Generation], Tokenizer],
        settings: ContextSettings,
        kept: StageResults = UNKEPT,
    ) -> None:
        """Take the parts.

        Raises:
            UnknownKeyError: the settings name a packing or an order that there is not.
        """
        self._catalogue = catalogue
        self._compressor = compressor
        self._tokenizer = tokenizer
        self._settings = settings
        self._results = kept
        self._choose = packing_of(settings.packing)
        self._order = order_of(settings.order)

    async def context(
        self, found: Ranking, budget_tokens: int | None, read: ReadDocument, spans: Spans, *, foreign: bool = False
    ) -> Context:
        """Return the context packed from the best of the hits; without a budget it is the setting's.

        `foreign` hits, of a retriever that is not ours, may come from documents that we do not have.
        """

        async def make() -> Context:
            with spans.stage("compress"):
                selected = await self.selected(found.query, found.hits, read)
            with spans.stage("pack"):
                return await self.packed(found.query, selected, budget_tokens, read, foreign=foreign)

        key = None if found.key is None else stage_key((self._settings,), (found.key, budget_tokens))
        return await self._results.of("assemble", key, make)

    async def selected(self, query: Query, hits: Sequence[Hit], read: ReadDocument) -> Selected:
        """Return what the best of the hits have to offer, before anything of it is packed."""
        found = hits[: self._settings.max_hits]
        kept, dropped = await asyncio.to_thread(self._kept, query.generation, found, read)
        selections = await self._compressor.compress(replace(query, text=query.question), kept)
        return Selected(tuple(selections), (*dropped, *compressed_away(kept, selections)))

    async def packed(
        self,
        query: Query,
        selected: Selected,
        budget_tokens: int | None,
        read: ReadDocument,
        *,
        foreign: bool = False,
    ) -> Context:
        """Return the context packed from what was selected; without a budget it is the setting's."""
        budget = budget_tokens or self._settings.budget_tokens
        tokenizer = self._tokenizer(query.generation)
        context = await asyncio.to_thread(
            self._packed, selected.selections, budget, tokenizer, selected.dropped, lambda doc_id: read(doc_id).text
        )
        # An answer must not take the text below one heading for the text below another.
        blocks = partial(_blocks, read=read, foreign=foreign)
        passages = await asyncio.to_thread(lambda: [sectioned(p, blocks(p.doc_id)) for p in context.passages])
        return replace(context, passages=self._order(passages))

    def _kept(self, generation: Generation, hits: Sequence[Hit], read: ReadDocument) -> tuple[list[Hit], list[Dropped]]:
        """Return the hits that the context is made of, parents in place of children, and those that were left out."""
        settings = self._settings
        found = merge_children(hits, settings.merge_share, partial(self._catalogue.children, generation))
        shown = expand(found, lambda doc_id: read(doc_id).text)
        if settings.prefer_newest:
            shown = prefer_newest(shown)
        kept, repeats = drop_near_duplicates(shown, settings.near_duplicate)
        kept, surplus = cap_documents(kept, settings.max_per_document)
        return diversify(kept, settings.diversity), [*repeats, *surplus]

    def _packed(
        self,
        selections: Sequence[Selection],
        budget_tokens: int,
        tokenizer: Tokenizer,
        dropped: Sequence[Dropped],
        read: Callable[[str], str],
    ) -> Context:
        """Return the context, the best passage first; `dropped` is the ledger so far."""
        chosen, left = self._choose(selections, budget_tokens, tokenizer)
        return pack(chosen, budget_tokens, tokenizer, self._settings.max_passages, read, [*dropped, *left])


def _blocks(doc_id: str, read: ReadDocument, foreign: bool) -> Sequence[Block]:
    """Return a document's blocks.

    Raises:
        DocumentNotFoundError: a document of ours is gone: its generation was deleted while we read it.
    """
    try:
        return read(doc_id).blocks
    except DocumentNotFoundError:
        if not foreign:
            raise
        return ()
