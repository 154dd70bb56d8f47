"""What several recipes are tested with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rag.models.embedders import PACKAGED
from rag.models.weights import packaged_folder


@pytest.fixture(scope="module")
def toy_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of a few thousand numbers with the packaged model's tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("base")
    config = BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, max_position_embeddings=512
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        BertModel(config).save_pretrained(str(folder))
    packaged = packaged_folder(PACKAGED["minilm"])
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(packaged / name, folder / name)
    return folder
