"""Folders, files and globs of this machine, golden-set folders, and archives and row files among them."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ingest.sources.archive import add_archive
from ingest.sources.fetcher import Reach
from ingest.sources.formats import ARCHIVE_SUFFIX, unlisted
from ingest.sources.ignored import IGNORE_FILE, Ignored, read_ignored
from ingest.sources.items import SourceFailure, SourceItem, Sources, is_hidden, is_text, shown
from ingest.sources.named import GLOB_CHARS, ROWS_NAME, fixed_parts, folder_of_documents
from ingest.sources.rows import add_rows, holds_rows
from ingest.sources.sidecars import SUFFIX, Beside, BesideFiles, is_beside, orphans
from rag.errors import DocumentError, SourceError


@dataclass(frozen=True, slots=True)
class _Root:
    """The folder that the paths of a source's documents and sidecars are relative to."""

    folder: Path
    beside: BesideFiles

    def name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def add_local(source: str, found: Sources, reach: Reach) -> None:
    """Add the documents of a folder, a file or a glob.

    Raises:
        SourceError: there is no such thing, or it cannot be read.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        _add_folder(path, found, reach)
    elif path.is_file():
        _add_files(_root(path.parent), [path], found, reach, alone=True)
    elif not path.exists() and GLOB_CHARS & set(source):
        _add_glob(str(path), found, reach)
    elif not path.exists():
        raise SourceError(f"there is no {source}; check the path")
    else:
        raise SourceError(f"{source} is neither a file nor a folder")


def add_file_url(source: str, found: Sources, reach: Reach) -> None:
    """Add the documents of a `file://` URL.

    Raises:
        SourceError: it names another machine, or nothing.
    """
    parts = urlsplit(source)
    if parts.netloc not in {"", "localhost"}:
        raise SourceError(f"{source} names the machine {parts.netloc!r}; write file:///PATH for a file of this one")
    add_local(unquote(parts.path), found, reach)


def _root(folder: Path, sidecars: Collection[str] | None = None) -> _Root:
    def read(name: str) -> bytes | None:
        return _read(folder / name) if sidecars is None or name in sidecars else None

    return _Root(folder, BesideFiles(read))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DocumentError(f"{path.name} cannot be read: {error.strerror}") from error


def _add_folder(folder: Path, found: Sources, reach: Reach) -> None:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise SourceError(f"the folder {folder} cannot be read; check its permissions")
    folder = folder_of_documents(folder)
    if folder.is_file():
        add_rows(folder, ROWS_NAME, found, Beside())
        return
    ignored = read_ignored(folder / IGNORE_FILE)
    paths = list(_walk(folder, folder, found, ignored))
    if not paths and not found.failures and ignored.rules:
        found.why_empty = f"its {IGNORE_FILE} leaves out every file; take a rule out, or take it back with !name"
    # Asking the system for each file's sidecar would take longer than the listing.
    sidecars = {path.relative_to(folder).as_posix() for path in paths if is_beside(path.name)}
    _add_files(_root(folder, sidecars), paths, found, reach)


def _walk(folder: Path, root: Path, found: Sources, ignored: Ignored) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        found.failures.append(SourceFailure(folder.relative_to(root).as_posix() + "/", f"{error.strerror}"))
        return
    for path in entries:
        is_folder = path.is_dir()
        if is_hidden(path.name) or ignored.leaves_out(path.relative_to(root).as_posix(), is_folder=is_folder):
            continue
        if is_folder:
            if path.is_symlink():  # it may lead back to its parent
                found.warnings.append(
                    f"{path.relative_to(root).as_posix()}/: it is a link to a folder, so it was not followed;"
                    " name the folder as a source of its own to ingest it"
                )
            else:
                yield from _walk(path, root, found, ignored)
        # A link that leads nowhere is named as a failure; a pipe or device is no document and would never end.
        elif path.is_file() or (path.is_symlink() and not path.exists()):
            if not _leads_out(path, root, found):
                yield path


def _leads_out(path: Path, root: Path, found: Sources) -> bool:
    """Say whether a file is a link to one outside the folder, which nobody named; a warning names it."""
    if not path.is_symlink() or not path.exists() or path.resolve().is_relative_to(root.resolve()):
        return False
    found.warnings.append(
        f"{path.relative_to(root).as_posix()}: it is a link that leads out of the folder, so it was left out;"
        " name the file as a source of its own to ingest it"
    )
    return True


def _add_glob(pattern: str, found: Sources, reach: Reach) -> None:
    root = _root(Path(*fixed_parts(pattern)))
    paths = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]
    files = [path for path in paths if path.is_file() and not is_hidden(root.name(path))]
    _add_files(root, [path for path in files if not _leads_out(path, root.folder, found)], found, reach)


def _add_files(root: _Root, paths: list[Path], found: Sources, reach: Reach, *, alone: bool = False) -> None:
    sidecars = [path for path in paths if path.name.endswith(SUFFIX)]
    there = {root.name(path.with_name(path.name.removesuffix(SUFFIX))) for path in sidecars if _is_beside_a_file(path)}
    found.warnings += orphans({*map(root.name, sidecars), *there})
    for path in paths:
        if not is_beside(path.name):
            _add_file(path, root, found, reach, alone)


def _is_beside_a_file(path: Path) -> bool:
    return path.with_name(path.name.removesuffix(SUFFIX)).exists()


def _add_file(path: Path, root: _Root, found: Sources, reach: Reach, alone: bool) -> None:
    doc_id = root.name(path)
    if not is_text(doc_id):
        found.failures.append(SourceFailure(shown(doc_id), "its file name is not valid UTF-8; rename it"))
        return
    try:
        beside = root.beside.of(doc_id)
    except DocumentError as error:
        found.items.append(SourceItem(doc_id, path, error=error, unlisted=unlisted(doc_id, path)))
        return
    if path.name == ROWS_NAME or (path.suffix == ".jsonl" and "/" not in doc_id and holds_rows(path)):
        add_rows(path, doc_id, found, beside)
    elif path.suffix.lower() == ARCHIVE_SUFFIX:
        # The members of an archive that is the source have their own paths as ids.
        add_archive(path, "" if alone else f"{doc_id}/", found, reach, beside)
    else:
        found.items.append(SourceItem(doc_id, path, beside=beside, unlisted=unlisted(doc_id, path)))
