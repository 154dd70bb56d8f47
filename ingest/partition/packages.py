"""Zip packages and the XML in them (docx, pptx, xlsx, odt, epub), opened so that they can do no harm.

Members are read, never unpacked to disk, so their names lead nowhere. Entities are not expanded, nothing is fetched.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ingest.partition.clean import one_line
from rag.errors import DocumentError

BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
"""What zipfile raises for an archive that is damaged, encrypted, or packed by a method that it does not know."""

OLE_SIGNATURE = bytes.fromhex("d0cf11e0a1b11ae1")
"""Begins files of the old binary formats of Office, and Office files with a password."""

_MAX_UNPACKED = 1024**3
_MAX_MEMBERS = 100_000
_SMALL = 16 * 1024**2
_MAX_RATIO = 250
_ENCRYPTED_FLAG = 0x1


class Package:
    """An open zip package whose sizes were checked."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        # Some programs of Windows write `word\document.xml`.
        self._members = {name.replace("\\", "/"): name for name in archive.namelist()}
        self.names = frozenset(self._members)

    def read(self, name: str) -> bytes:
        """Return a member's bytes.

        Raises:
            DocumentError: it is missing or damaged.
        """
        try:
            return self._archive.read(self._members[name])
        except KeyError:
            raise DocumentError(f"its part {name!r} is missing; the file is damaged or of another format") from None
        except BROKEN_ZIP as error:
            raise DocumentError(f"its part {name!r} is damaged: {one_line(str(error))}") from error

    def xml(self, name: str) -> Any:
        """Return the root element of a member.

        Raises:
            DocumentError: it is missing or no XML.
        """
        return parse_xml(self.read(name), name)

    def optional_xml(self, name: str) -> Any | None:
        """Return the root element of a member, or None where there is none."""
        return self.xml(name) if name in self.names else None


@contextmanager
def plain_package(path: Path) -> Iterator[IO[bytes]]:
    """Open a package for a library that knows members with slashes only: the file, or a copy with such names."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if not any("\\" in member.filename for member in members):
            with path.open("rb") as file:
                yield file
            return
        copy = io.BytesIO()
        with zipfile.ZipFile(copy, "w") as other:
            for member in members:
                other.writestr(member.filename.replace("\\", "/"), archive.read(member))
    copy.seek(0)
    yield copy


@contextmanager
def open_package(path: Path) -> Iterator[Package]:
    """Open a package after a look at its directory.

    Raises:
        DocumentError: it is no zip, has a password, or would unpack to far more than it seems.
    """
    with path.open("rb") as file:
        if file.read(8) == OLE_SIGNATURE:
            raise DocumentError(
                "it is encrypted or of the old binary format; save it without a password as .docx/.xlsx/.pptx"
            )
    try:
        archive = zipfile.ZipFile(path)
    except BROKEN_ZIP as error:
        raise DocumentError(f"it is no {path.suffix} file: {one_line(str(error))}") from error
    with archive:
        _check_directory(archive.infolist())
        yield Package(archive)


def _check_directory(members: list[zipfile.ZipInfo]) -> None:
    if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
        raise DocumentError("it is protected by a password; save it without one")
    if len(members) > _MAX_MEMBERS:
        raise DocumentError(f"it has {len(members)} parts; that looks like a zip bomb")
    size = sum(member.file_size for member in members)
    # A member is never read beyond the size that the directory gives for it, so these sizes are the true limits.
    bomb = any(m.file_size > _SMALL and m.file_size > _MAX_RATIO * max(1, m.compress_size) for m in members)
    if size > _MAX_UNPACKED or bomb:
        raise DocumentError(f"it unpacks to {size // 1024**2} MB; that looks like a zip bomb")


def parse_xml(data: bytes, name: str) -> Any:
    """Return the root of an XML document; entities stay what they are and nothing is fetched.

    Raises:
        DocumentError: it is no XML, or declares entities of its own.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DocumentError(f"its part {name!r} is no XML: {one_line(str(error))}") from error
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and next(declared.iterentities(), None) is not None:
        raise DocumentError(f"its part {name!r} declares XML entities, which are not expanded; save it without them")
    return root
