import itertools
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from ingest.chunkers.measure import Model
from ingest.chunkers.semantic import semantic
from ingest.partition.layout import Piece, assemble
from rag.errors import ConfigError
from rag.settings import ChunkerSettings
from rag.types import Document, Vectors
from tests.contracts.test_chunkers import TOKENIZER

PUMPS, BOATS = "The pump needs oil today. ", "A boat sails at noon. "


def embed(texts: Sequence[str]) -> Vectors:
    """Say what a text is about: pumps, boats, or neither."""
    rows = [[float("pump" in text), float("boat" in text), 0.1] for text in texts]
    return np.array(rows, np.float32) / np.linalg.norm(np.array(rows, np.float32), axis=1, keepdims=True)


def cut(*pieces: Piece, size: int = 60, percentile: float = 80) -> list[str]:
    text, blocks = assemble(pieces)
    settings = ChunkerSettings(name="semantic", max_tokens=size, breakpoint_percentile=percentile, header=False)
    return [chunk.text for chunk in semantic(Document("d", "", text, blocks, ""), Model(TOKENIZER, embed), settings)]


def test_a_new_chunk_begins_where_the_subject_changes() -> None:
    assert cut(Piece("paragraph", PUMPS * 4 + BOATS * 4)) == [(PUMPS * 4).strip(), (BOATS * 4).strip()]


def test_a_heading_stays_with_what_follows_it() -> None:
    parts = cut(Piece("paragraph", PUMPS * 4), Piece("heading", "Boats", 1), Piece("paragraph", BOATS * 4))
    assert [part.startswith("Boats") for part in parts].count(True) == 1 and not any(p.endswith("Boats") for p in parts)


def test_one_subject_is_cut_where_it_may_grow_no_more() -> None:
    parts = cut(Piece("paragraph", PUMPS * 30), size=40)
    assert len(parts) > 3 and all(TOKENIZER.count(part) <= 40 for part in parts)


def test_batches_give_the_same_gaps_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [Piece("paragraph", "".join(itertools.islice(itertools.cycle([PUMPS * 3, BOATS * 3]), 6)))]
    whole = cut(*pieces)
    monkeypatch.setattr(sys.modules[semantic.__module__], "_BATCH", 3)
    assert cut(*pieces) == whole and len(whole) > 1


def test_without_an_embedder_there_is_nothing_to_compare() -> None:
    with pytest.raises(ConfigError, match="needs an embedder"):
        semantic(Document("d", "", "x", (), ""), Model(TOKENIZER), ChunkerSettings(name="semantic"))
