from __future__ import annotations

from pathlib import Path

import tiktoken

from rag.context.tokens import TiktokenTokenizer, budget_tokenizer
from tests.fakes import FakeTokenizer


def test_without_its_file_the_embedders_tokenizer_counts(tmp_path: Path) -> None:
    embedder = FakeTokenizer()
    assert budget_tokenizer(embedder) is embedder
    assert budget_tokenizer(embedder, tmp_path) is embedder


def test_tokens_split_inside_a_character_share_its_range() -> None:
    bytewise = tiktoken.Encoding(
        "bytes", pat_str=r"\s|\S+", mergeable_ranks={bytes([i]): i for i in range(256)}, special_tokens={}
    )
    tokenizer = TiktokenTokenizer(bytewise)
    assert tokenizer.count("aé") == 3
    assert tokenizer.offsets("aé") == [(0, 1), (1, 2), (1, 2)]
