"""Zip archives: their members are documents. Nothing a member's name or header says is trusted."""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from ingest.partition.clean import one_line
from ingest.partition.packages import BROKEN_ZIP
from ingest.sources.fetcher import MB, Reach, file_name, save
from ingest.sources.formats import ARCHIVE_SUFFIX, unlisted
from ingest.sources.ignored import IGNORE_FILE, Ignored, parsed
from ingest.sources.items import Fetched, Known, SourceFailure, SourceItem, Sources, failing, is_hidden, is_text
from ingest.sources.named import ROWS_NAME
from ingest.sources.sidecars import Beside, BesideFiles, is_beside, orphans
from rag.errors import DocumentError

_PIECE_BYTES = 256 * 1024
_SIDECAR_BYTES = MB
_MAX_RATIO = 200
_FREE_BYTES = 10 * MB
_ENCRYPTED = 0x1
_UTF8_NAME = 0x800
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


@dataclass(slots=True)
class Archive:
    """An open archive, and how much was unpacked of it in this run."""

    path: Path
    zip: zipfile.ZipFile
    max_file_mb: int
    max_archive_mb: int
    unpacked: int = field(default=0)

    def pieces(self, info: zipfile.ZipInfo) -> Generator[bytes]:
        """Yield a member's bytes, measured as they are unpacked.

        Raises:
            DocumentError: it is damaged, or unpacks to too much.
        """
        size = 0
        try:
            with self.zip.open(info) as member:
                while piece := member.read(_PIECE_BYTES):
                    size += len(piece)
                    self.unpacked += len(piece)
                    self._check(info, size)
                    yield piece
        except BROKEN_ZIP as error:
            raise DocumentError(f"it cannot be unpacked: {one_line(str(error)) or type(error).__name__}") from error

    def _check(self, info: zipfile.ZipInfo, size: int) -> None:
        if self.unpacked > self.max_archive_mb * MB:
            raise DocumentError(
                f"the archive unpacks to more than {self.max_archive_mb} MB; raise ingest.fetch.max_archive_mb"
            )
        if size > _FREE_BYTES and size > _MAX_RATIO * max(1, info.compress_size):
            raise DocumentError(
                f"it unpacks to more than {_MAX_RATIO} times its size, as a zip bomb does; leave it out"
            )


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A member as the origin of a document: its checksum and size tell whether it is the one that was read before."""

    archive: Archive
    info: zipfile.ZipInfo
    uri: str

    @property
    def version(self) -> str:
        """The CRC-32 and the size that the archive's directory names."""
        return f"crc32:{self.info.CRC:08x}-{self.info.file_size}"

    def fetch(self, known: Known | None, folder: Path) -> Fetched | None:
        """Unpack the member into a file in `folder`.

        Raises:
            DocumentError: it is damaged, or unpacks to too much.
        """
        target = folder / file_name(PurePosixPath(_name(self.info)).name)
        source_hash = save(self.archive.pieces(self.info), target, self.archive.max_file_mb)
        return Fetched(target, source_hash, self.uri, self.version)


def add_archive(path: Path, prefix: str, found: Sources, reach: Reach, around: Beside) -> None:
    """Add the members of an archive; `prefix` starts their ids, `around` is what stands beside the archive itself.

    An archive that cannot be opened is a failure of listing; a member that cannot be read is a document that fails.
    """
    name = prefix.rstrip("/") or path.name
    found.row_files.append(name)
    try:
        opened = zipfile.ZipFile(path)
    except BROKEN_ZIP as error:
        found.failures.append(SourceFailure(name, f"is no zip archive that can be read: {one_line(str(error))}"))
        return
    reach.closing(opened.close)
    limits = reach.settings
    archive = Archive(path, opened, limits.max_file_mb, limits.max_archive_mb)
    members = [info for info in opened.infolist() if not _is_folder(info) and not is_hidden(_name(info))]
    try:
        ignored = _ignored(archive)
    except DocumentError as error:
        found.failures.append(SourceFailure(name, f"{IGNORE_FILE}: {error}; mend or remove it"))
        return
    kept = [info for info in members if not ignored.leaves_out_below(_name(info))]
    if not kept:
        why = f"its {IGNORE_FILE} leaves out every file" if members else "the archive holds no documents"
        found.failures.append(SourceFailure(name, why))
    _Members(archive, prefix, found, around).add(kept)


def _ignored(archive: Archive) -> Ignored:
    """Return the rules of the ignore file in the root of an archive.

    Raises:
        DocumentError: it cannot be read.
    """
    info = next((info for info in archive.zip.infolist() if _name(info) == IGNORE_FILE), None)
    if info is None:
        return Ignored()
    problem = _problem(info) or ("it is too large" if info.file_size > _SIDECAR_BYTES else "")
    if problem:
        raise DocumentError(problem)
    try:
        return parsed(b"".join(archive.pieces(info)).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DocumentError("it is no UTF-8") from error


@dataclass(slots=True)
class _Members:
    archive: Archive
    prefix: str
    found: Sources
    around: Beside

    def add(self, infos: list[zipfile.ZipInfo]) -> None:
        """Add every member that is a document, in the order of their names."""
        counts = Counter(_name(info) for info in infos)
        by_name = {_name(info): info for info in infos}
        beside = BesideFiles(lambda name: self._sidecar(by_name.get(name)))
        self.found.warnings += (self.prefix + line for line in orphans(by_name.keys()))
        for name, info in sorted(by_name.items()):
            if is_beside(name):
                continue
            reason = "several members have this name" if counts[name] > 1 else _problem(info)
            if reason:
                self.found.items.append(failing(self.prefix + name, reason, self.archive.path, unlisted(name)))
            else:
                self.found.items.append(self._item(name, info, beside))

    def _item(self, name: str, info: zipfile.ZipInfo, beside: BesideFiles) -> SourceItem:
        uri = f"{self.archive.path.absolute().as_uri()}#{quote(name)}"
        item = SourceItem(self.prefix + name, self.archive.path, address=uri, unlisted=unlisted(name))
        try:
            own = beside.of(name)
        except DocumentError as error:
            return replace(item, error=error)
        defaults = {**self.around.defaults, **self.around.fields, **own.defaults}
        member = ZipMember(self.archive, info, uri)
        return replace(item, beside=Beside(defaults, own.fields), origin=member)

    def _sidecar(self, info: zipfile.ZipInfo | None) -> bytes | None:
        if info is None:
            return None
        problem = _problem(info) or ("it is too large" if info.file_size > _SIDECAR_BYTES else "")
        if problem:
            raise DocumentError(f"{_name(info)}: {problem}")
        return b"".join(self.archive.pieces(info))


def _name(info: zipfile.ZipInfo) -> str:
    """Return a member's name, `./` and doubled slashes left out, with the slashes that the format asks for."""
    name = info.filename
    if not info.flag_bits & _UTF8_NAME:
        # The library reads such names as CP437, as the format says, but most tools that set no flag write UTF-8.
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    name = name.replace("\\", "/")  # as some programs of Windows write it
    first = "/" if name.startswith("/") else ""
    return first + "/".join(part for part in name.split("/") if part not in {"", "."})


def _problem(info: zipfile.ZipInfo) -> str:
    """Say why a member is not to be unpacked; "" if it may be."""
    name = _name(info)
    checks = {
        "its name leads out of the archive; pack it again with relative names": _leads_out(name),
        "its name is no text; rename it": not is_text(name) or "\x00" in info.orig_filename or not name,
        "it is encrypted; unpack it and ingest the folder": bool(info.flag_bits & _ENCRYPTED),
        "it is a link, which archives may use to reach outside; pack the file itself": _is_link(info),
        "it is an archive in an archive; unpack it first": name.lower().endswith(ARCHIVE_SUFFIX),
        f"{ROWS_NAME} is read from folders only; unpack it first": PurePosixPath(name).name == ROWS_NAME,
        "its compression is not read; pack it again with deflate": info.compress_type not in _METHODS,
    }
    return next((reason for reason, applies in checks.items() if applies), "")


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith(("/", "\\"))


def _leads_out(name: str) -> bool:
    return name.startswith("/") or name[1:2] == ":" or ".." in name.split("/")


def _is_link(info: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(info.external_attr >> 16)
