"""A world of three documents, and query steps over it."""

from __future__ import annotations

from dataclasses import replace

from rag.conditions import OneOf
from rag.ports import QueryStep
from rag.prompts import PromptFiles
from rag.query.steps import Sources, query_steps
from rag.settings import QuerySettings
from rag.types import Query
from tests.fakes import FakeTokenizer, FakeWorld, make_world

TEXTS = {
    "vault.md": "The appliance restores a backup.\n\nA restore of the backup needs the Vault Access Key (VAK) first.",
    "keys.md": "Rotate the vault key every year.\n\nThe appliance keeps the vault key sealed.",
    "secret.md": "The zeppelin hangar is closed.\n\nThe zeppelin needs a Very Angry Keeper (VAK).",
}


class PieceTokenizer(FakeTokenizer):
    """Knows some words whole; others are cut into pieces of three letters."""

    whole = frozenset({"weather", "whether", "the"})

    def count(self, text: str) -> int:
        return 1 if text in self.whole else -(-len(text) // 3)


def small_world() -> FakeWorld:
    """Return the three documents, with the tokenizer of pieces."""
    world = make_world(TEXTS)
    world.embedder.tokenizer = PieceTokenizer()
    return world


def sources(world: FakeWorld) -> Sources:
    return Sources(world.indexes, world.catalogue, None, PromptFiles())


def step(name: str, world: FakeWorld, **settings: object) -> QueryStep:
    (made,) = query_steps(QuerySettings.model_validate({"steps": [name], **settings}), sources(world))
    return made


def only(query: Query, doc_id: str) -> Query:
    return replace(query, filter=(OneOf("name", (doc_id,)),))
