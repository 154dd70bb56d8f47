"""Backups: the live generation of a corpus in one file, and its way back into this or another home.

The file is a zip (format version 1) with exactly these members; texts are UTF-8, numbers little-endian:

    manifest.json     what it is, how the index was built, and the SHA-256 and size of every other member
    documents.jsonl   a row of the catalogue a line; `source` counts the lines of sources.jsonl from 0
    chunks.jsonl      the same, in the order of their keys; `document` counts the lines of documents.jsonl from 0
    vectors.f32       one vector a chunk, `(chunks, dim) float32`
    tokens.sizes      how many token vectors each chunk has, int64
    tokens.bin        the token vectors as they are stored, 4 bits a dimension
    failures.jsonl    documents that could not be ingested
    fetches.jsonl     what is known of pages that were fetched
    sources.jsonl     whose the documents and failures are; missing in files of older releases

Nothing in it names a path to write to, so restoring writes only into the home's own stores.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Table, select

from ingest.partition.packages import BROKEN_ZIP
from ingest.pipeline import Runtime
from ingest.store.catalogue import CatalogueWriter, Clock, utc_now
from rag.errors import BusyError, ConfigError, StateError
from rag.ports import Index
from rag.state.engine import reading
from rag.state.reader import visible
from rag.state.tables import SCHEMA_VERSION, chunks, documents, failures, fetches, indexes, sources
from rag.types import Generation

FORMAT, VERSION = "ragwright-backup", 1
MANIFEST = "manifest.json"
MEMBERS = (
    "documents.jsonl",
    "chunks.jsonl",
    "vectors.f32",
    "tokens.sizes",
    "tokens.bin",
    "failures.jsonl",
    "fetches.jsonl",
)
SOURCES = "sources.jsonl"
HERE_ONLY: dict[str, frozenset[str]] = {
    "documents": frozenset({"pk", "index_id", "added", "removed"}),
    "chunks": frozenset({"pk", "index_id", "added", "removed", "doc_pk"}),
    "failures": frozenset({"corpus"}),
    "fetches": frozenset({"corpus"}),
    "sources": frozenset({"id", "corpus"}),
}
"""The columns of each table that mean something in one catalogue only."""

_BATCH = 500
_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What was written or brought back."""

    corpus: str
    file: str
    generation: int
    documents: int
    chunks: int
    bytes: int


def back_up(corpus: str, file: Path, runtime: Runtime, clock: Clock = utc_now) -> BackupReport:
    """Write the live generation to a new file; an ingest may run meanwhile.

    Raises:
        CorpusNotFoundError: there is no live generation.
        ConfigError: the file exists already.
        BusyError: the generation was vacuumed away meanwhile.
        StateError: the file cannot be written.
    """
    generation = runtime.catalogue.live(corpus)
    if file.exists():
        raise ConfigError(f"{file} exists; name another file, or remove it first")
    unfinished = file.with_name(f".{file.name}.new")
    try:
        with _writing(file):
            with open(unfinished, "wb") as stream:
                counts = _write(stream, generation, runtime, clock)
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return BackupReport(corpus, str(file), generation.id, *counts, file.stat().st_size)


def _write(stream: IO[bytes], generation: Generation, runtime: Runtime, clock: Clock) -> tuple[int, int]:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        writer = _Writer(archive)
        # One transaction: whatever is ingested or erased meanwhile, every row is of this moment.
        with reading(runtime.engine) as connection:
            built = connection.execute(select(indexes).where(indexes.c.id == generation.index_id)).one()
            owners = {key: n for n, key in enumerate(writer.rows(SOURCES, _sources(connection, generation.corpus)))}
            order = writer.rows("documents.jsonl", _placed(_documents(connection, generation), owners))
            pks = writer.rows("chunks.jsonl", _chunks(connection, generation, {pk: n for n, pk in enumerate(order)}))
            for table in (failures, fetches):
                rows = connection.execute(select(table).where(table.c.corpus == generation.corpus))
                writer.rows(f"{table.name}.jsonl", _placed(((0, _row(row, table)) for row in rows), owners))
        index = runtime.indexes(generation.index_id)
        writer.blocks("vectors.f32", _vectors(index, pks))
        writer.blocks("tokens.sizes", (np.array([len(x) for x in part], "<i8") for part in _tokens(index, pks)))
        writer.blocks("tokens.bin", (matrix for part in _tokens(index, pks) for matrix in part))
        archive.writestr(MANIFEST, json.dumps(_manifest(generation, built, writer, (len(order), len(pks)), clock)))
    return len(order), len(pks)


def _manifest(
    generation: Generation, built: Row[Any], writer: _Writer, counts: tuple[int, int], clock: Clock
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "schema": SCHEMA_VERSION,
        "created_at": clock().isoformat(timespec="seconds"),
        "corpus": generation.corpus,
        "settings": generation.settings,
        "published_at": generation.published_at,
        "documents": counts[0],
        "chunks": counts[1],
        "index": {name: getattr(built, name) for name in ("fingerprint", "embedder", "dim", "settings")},
        "members": writer.members,
    }


class _Writer:
    """Streams members into the archive and remembers their sizes and checksums."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members: dict[str, dict[str, Any]] = {}

    def rows(self, name: str, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> list[int]:
        """Store `(key, row)` pairs as lines; return the keys in order."""
        keys: list[int] = []

        def lines() -> Iterator[bytes]:
            for key, row in rows:
                keys.append(key)
                yield json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"

        self._stream(name, lines())
        return keys

    def blocks(self, name: str, arrays: Iterable[NDArray[Any]]) -> None:
        """Store arrays one after the other."""
        self._stream(name, (array.tobytes() for array in arrays))

    def _stream(self, name: str, pieces: Iterable[bytes]) -> None:
        digest, size = hashlib.sha256(), 0
        with self._archive.open(name, "w", force_zip64=True) as member:
            for piece in pieces:
                member.write(piece)
                digest.update(piece)
                size += len(piece)
        self.members[name] = {"sha256": digest.hexdigest(), "bytes": size}


def _sources(connection: Connection, corpus: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for row in connection.execute(select(sources).where(sources.c.corpus == corpus).order_by(sources.c.id)):
        yield row.id, _row(row, sources)


def _placed(
    rows: Iterable[tuple[int, dict[str, Any]]], owners: Mapping[int, int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield rows that name their source by its line."""
    for key, row in rows:
        yield key, {**row, "source": owners.get(row["source"])} if "source" in row else row


def _documents(connection: Connection, generation: Generation) -> Iterator[tuple[int, dict[str, Any]]]:
    query = select(documents).where(visible(documents, generation.index_id, generation.id)).order_by(documents.c.pk)
    for row in connection.execute(query).yield_per(_BATCH):
        yield row.pk, _row(row, documents)


def _chunks(
    connection: Connection, generation: Generation, place: Mapping[int, int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    query = select(chunks).where(visible(chunks, generation.index_id, generation.id)).order_by(chunks.c.pk)
    for row in connection.execute(query).yield_per(_BATCH):
        yield row.pk, {"document": place[row.doc_pk], **_row(row, chunks)}


def _row(row: Row[Any], table: Table) -> dict[str, Any]:
    values = {name: value for name, value in row._mapping.items() if name not in HERE_ONLY[table.name]}
    return {name: _to_json(value) for name, value in values.items()}


def _to_json(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes) else value


def _vectors(index: Index, pks: Sequence[int]) -> Iterator[NDArray[np.float32]]:
    for i in range(0, len(pks), _BATCH):
        found = index.vectors.get(pks[i : i + _BATCH])
        _all_there(found, pks[i : i + _BATCH], "vectors")
        yield np.stack([found[pk] for pk in pks[i : i + _BATCH]]).astype("<f4")


def _tokens(index: Index, pks: Sequence[int]) -> Iterator[list[NDArray[np.uint8]]]:
    for i in range(0, len(pks), _BATCH):
        found = index.token_vectors.packed(pks[i : i + _BATCH])
        _all_there(found, pks[i : i + _BATCH], "token vectors")
        yield [found[pk] for pk in pks[i : i + _BATCH]]


def _all_there(found: Mapping[int, object], pks: Sequence[int], what: str) -> None:
    if len(found) < len(pks):
        raise BusyError(
            f"{len(pks) - len(found)} chunks have no {what}: the generation was vacuumed meanwhile, so back it up"
            " again; if that does not help, mend it with: ragwright doctor --repair"
        )


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(f"cannot write {file}: {error.strerror or error}") from error


# --- reading one ------------------------------------------------------------------------------------------------------


class Backup:
    """An open backup whose every member was compared with its checksum."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Mapping[str, Any]) -> None:
        self._archive = archive
        self.manifest = manifest

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a member; none where an older release wrote none."""
        if name not in self.manifest["members"]:
            return
        with self._archive.open(name) as member:
            for line in member:
                row = json.loads(line.decode("utf-8", "surrogatepass"))
                yield {key: _from_json(value) for key, value in row.items()}

    def vectors(self) -> Iterator[NDArray[np.float32]]:
        """Yield the vector of every chunk."""
        width = 4 * int(self.manifest["index"]["dim"])
        with self._archive.open("vectors.f32") as member:
            while data := member.read(width):
                yield np.frombuffer(data, "<f4")

    def tokens(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the packed token vectors of every chunk."""
        width = (int(self.manifest["index"]["dim"]) + 1) // 2
        with self._archive.open("tokens.sizes") as sizes, self._archive.open("tokens.bin") as member:
            while number := sizes.read(8):
                size = int(np.frombuffer(number, "<i8")[0])
                yield np.frombuffer(member.read(size * width), np.uint8).reshape(size, width)


@contextmanager
def open_backup(file: Path) -> Iterator[Backup]:
    """Open a backup and check it whole before anything is made of it.

    Raises:
        ConfigError: there is no such file, it is no backup, it is damaged, or a newer Ragwright wrote it.
    """
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(file))
            manifest = _checked(archive, file)
        except FileNotFoundError as error:
            raise ConfigError(f"cannot read {file}: {error.strerror}") from error
        except BROKEN_ZIP as error:
            raise ConfigError(f"{file} is no whole Ragwright backup ({error}); nothing was changed") from error
        # Outside the try: what goes wrong while it is used is not the file's fault.
        yield Backup(archive, manifest)


def _checked(archive: zipfile.ZipFile, file: Path) -> Mapping[str, Any]:
    names = archive.namelist()
    if sorted({*names, SOURCES}) != sorted([*MEMBERS, SOURCES, MANIFEST]) or len(names) != len(set(names)):
        raise ConfigError(f"{file} is no Ragwright backup: it holds other files; nothing was changed")
    try:
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
        known = manifest["format"] == FORMAT
        newer = manifest["version"] > VERSION or manifest["schema"] > SCHEMA_VERSION
        members = sorted({*MEMBERS, *manifest["members"]})
        damaged = [name for name in members if _digest(archive, name) != manifest["members"][name]["sha256"]]
    except (KeyError, TypeError, *BROKEN_ZIP) as error:
        raise ConfigError(f"{file} is damaged ({error}); nothing was changed") from error
    if not known or newer:
        raise ConfigError(f"{file} was written by another or a newer program; restore it with the Ragwright it is from")
    if damaged:
        raise ConfigError(f"{file} is damaged: {', '.join(damaged)} is not what was written; nothing was changed")
    return manifest


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as member:
        while piece := member.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _from_json(value: Any) -> Any:
    is_bytes = isinstance(value, dict) and value.keys() == {"base64"}
    return base64.b64decode(value["base64"]) if is_bytes else value


def has_generations(writer: CatalogueWriter) -> bool:
    """Say whether anything was ever published in a corpus."""
    return any(row.status in ("published", "held") for row in writer.generations())
