"""The catalogue's tables. Documents and chunks carry the generation that added and the one that removed them.

A row is visible to generation `g` iff `added <= g < removed`. Generation ids grow across all corpora and are never
reused, so an abandoned change set (`building`, or rolled back) can be erased without touching what readers see.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION = 5

metadata = MetaData()
_key = BigInteger().with_variant(Integer, "sqlite")

schema = Table(
    "schema",
    metadata,
    Column("version", Integer, nullable=False),
    Column("catalogue", String(12), nullable=False),  # tells apart catalogues that share one Qdrant server
)

corpora = Table(
    "corpora",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("live", _key, nullable=True),
    Column("created_at", String(32), nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("id", _key, primary_key=True, autoincrement=True),
    Column("corpus", ForeignKey("corpora.name"), nullable=False),
    Column("location", Text, nullable=False),  # a real path, a URL, or `upload`
    Column("prefix", Text, nullable=False),
    Column("include", JSON, nullable=False),
    Column("exclude", JSON, nullable=False),
    Column("added_at", String(32), nullable=False),
    Column("refreshed_at", String(32), nullable=False),
    Column("forgotten", Integer, nullable=False),  # 1: only remembered where the live generation has documents of it
    UniqueConstraint("corpus", "location", "prefix"),
    sqlite_autoincrement=True,
)

indexes = Table(
    "indexes",
    metadata,
    Column("id", _key, primary_key=True, autoincrement=True),
    Column("corpus", ForeignKey("corpora.name"), nullable=False),
    Column("fingerprint", String(12), nullable=False),
    Column("embedder", String(200), nullable=False),
    Column("dim", Integer, nullable=False),
    Column("settings", JSON, nullable=False),
    sqlite_autoincrement=True,
)

places = Table(
    "places",
    metadata,
    Column("index_id", ForeignKey("indexes.id"), primary_key=True, autoincrement=False),
    Column("home", String(32), nullable=False),  # the id of the home that holds the vectors and terms of the index
    Column("path", Text, nullable=False),  # where that home was, for people
)

generations = Table(
    "generations",
    metadata,
    Column("id", _key, primary_key=True, autoincrement=True),
    Column("corpus", ForeignKey("corpora.name"), nullable=False),
    Column("index_id", ForeignKey("indexes.id"), nullable=False),
    Column("status", String(12), nullable=False),  # building | held | published | abandoned | discarded
    Column("settings", String(12), nullable=False),
    Column("started_at", String(32), nullable=False),
    Column("published_at", String(32), nullable=True),
    Column("changes", JSON, nullable=True),
    Column("gate", JSON, nullable=True),  # the verdict of the gate that it was flipped or held by
    Index("generations_by_corpus", "corpus", "id"),
    sqlite_autoincrement=True,
)

documents = Table(
    "documents",
    metadata,
    Column("pk", _key, primary_key=True, autoincrement=True),
    Column("index_id", ForeignKey("indexes.id"), nullable=False),
    Column("doc_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("media_type", String(120), nullable=False),
    Column("source_hash", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("blocks", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("minhash", LargeBinary, nullable=True),  # signature of the clean text, for near-duplicates
    Column("source", _key, nullable=True),  # whose it is; NULL for what came before sources were remembered
    Column("added", _key, nullable=False),
    Column("removed", _key, nullable=False),
    UniqueConstraint("index_id", "doc_id", "added"),
    Index("documents_by_index", "index_id", "removed"),
    sqlite_autoincrement=True,
)

chunks = Table(
    "chunks",
    metadata,
    Column("pk", _key, primary_key=True, autoincrement=True),
    Column("doc_pk", ForeignKey("documents.pk"), nullable=False, index=True),
    Column("index_id", ForeignKey("indexes.id"), nullable=False),
    Column("chunk_id", String(16), nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("headings", JSON, nullable=False),
    Column("header", Text, nullable=False),
    Column("page", Integer, nullable=True),
    Column("tokens", Integer, nullable=False),
    Column("boxes", JSON, nullable=True),
    Column("parent_start", Integer, nullable=True),
    Column("parent_end", Integer, nullable=True),
    Column("tables", JSON, nullable=True),  # parts of tables with their heads; NULL: stored before they were known
    Column("text_hash", String(32), nullable=False, server_default=""),  # of the indexed text: who has its vectors
    Column("added", _key, nullable=False),
    Column("removed", _key, nullable=False),
    Index("chunks_by_index", "index_id", "removed"),
    Index("chunks_by_text", "text_hash"),
    sqlite_autoincrement=True,
)

failures = Table(
    "failures",
    metadata,
    Column("corpus", ForeignKey("corpora.name"), primary_key=True),
    Column("doc_id", Text, primary_key=True),
    Column("source_hash", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("transient", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failed_at", String(32), nullable=False),
    Column("uri", Text, nullable=False, server_default=""),
    Column("source", _key, nullable=True),
)

fetches = Table(
    "fetches",
    metadata,
    Column("corpus", ForeignKey("corpora.name"), primary_key=True),
    Column("uri", Text, primary_key=True),
    Column("etag", Text, nullable=False),
    Column("last_modified", Text, nullable=False),
    Column("source_hash", String(64), nullable=False),
    Column("fetched_at", String(32), nullable=False),
)
