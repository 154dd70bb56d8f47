"""What environment variables say, and their names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, SecretStr

from rag.settings.section import Section


class Environment(Section):
    """What comes from environment variables; never part of a fingerprint."""

    home: Path = Field(default=Path(".ragwright"), description="where everything is kept")
    data: Path | None = Field(default=None, description="folder of public golden sets, for benchmarks and tests")
    database_url: SecretStr | None = Field(
        default=None, description="a PostgreSQL catalogue instead of SQLite in the home (postgresql+psycopg://…)"
    )
    qdrant_url: str | None = Field(default=None, description="a Qdrant server instead of the embedded engine")
    qdrant_api_key: SecretStr | None = Field(default=None, description="the server's key")
    qdrant_allow_http: bool = Field(default=False, description="1 sends the key over plain http:// to another machine")
    tiktoken_cache_dir: Path | None = Field(
        default=None, description="tiktoken's cache; budgets count with o200k_base if its file is there"
    )
    openai_base_url: str | None = Field(default=None, description="the language model's endpoint")
    openai_api_key: SecretStr | None = Field(default=None, description="its key")
    model_keys: Mapping[str, SecretStr] = Field(
        default_factory=dict, description="the variables that models.*.api_key_env name"
    )


VARIABLES: Mapping[str, str] = {
    "home": "RAGWRIGHT_HOME",
    "data": "RAGWRIGHT_DATA",
    "database_url": "DATABASE_URL",
    "tiktoken_cache_dir": "TIKTOKEN_CACHE_DIR",
    "qdrant_url": "QDRANT_URL",
    "qdrant_api_key": "QDRANT_API_KEY",
    "qdrant_allow_http": "QDRANT_ALLOW_HTTP",
    "openai_base_url": "OPENAI_BASE_URL",
    "openai_api_key": "OPENAI_API_KEY",
}
"""The environment variable of each field of `Environment`."""
