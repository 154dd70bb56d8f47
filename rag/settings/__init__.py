"""One frozen settings tree; a typo in a key is an error. `load_settings` is the only reader of the environment."""

from __future__ import annotations

from rag.settings.answer import AnswerSettings
from rag.settings.context import ContextSettings
from rag.settings.environment import VARIABLES, Environment
from rag.settings.index import Bm25Settings, EmbedderSettings
from rag.settings.ingest import (
    READER_VERSION,
    ChunkerSettings,
    DuplicateSettings,
    FetchSettings,
    IngestSettings,
    PartitionSettings,
)
from rag.settings.judge import JudgeModelSettings, JudgeSettings
from rag.settings.load import load_settings
from rag.settings.models import ModelName, ModelSettings
from rag.settings.query import QuerySettings
from rag.settings.retrieve import RerankSettings, RetrievalSettings
from rag.settings.serve import ServeSettings
from rag.settings.tree import Settings

__all__ = [
    "READER_VERSION",
    "VARIABLES",
    "AnswerSettings",
    "Bm25Settings",
    "ChunkerSettings",
    "ContextSettings",
    "DuplicateSettings",
    "EmbedderSettings",
    "Environment",
    "FetchSettings",
    "IngestSettings",
    "JudgeModelSettings",
    "JudgeSettings",
    "ModelName",
    "ModelSettings",
    "PartitionSettings",
    "QuerySettings",
    "RerankSettings",
    "RetrievalSettings",
    "ServeSettings",
    "Settings",
    "load_settings",
]
