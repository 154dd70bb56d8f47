"""Metadata that stands beside documents: `NAME.ext.meta.yaml` for one, `_meta.yaml` for all below its folder.

A folder's fields are defaults, which a document's own front matter overrides; its own sidecar overrides both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from ingest.partition.clean import clip, one_line
from ingest.partition.front_matter import load_as_written
from ingest.partition.layout import flat_metadata
from rag.errors import DocumentError
from rag.types import Document, Metadata

FOLDER_FILE = "_meta.yaml"
SUFFIX = ".meta.yaml"
_OF_ONE = ("title", "uri", "url")

ReadFile = Callable[[str], bytes | None]
"""Reads a small file by its path in the source; None if there is none."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside a document: defaults of its folders, fields of its own sidecar."""

    defaults: Metadata = field(default_factory=dict)
    fields: Metadata = field(default_factory=dict)

    def digest(self, content_hash: str) -> str:
        """Return the hash of a document's bytes and of this, which is that of the bytes where this is empty."""
        if not (self.defaults or self.fields):
            return content_hash
        told = json.dumps([content_hash, dict(self.defaults), dict(self.fields)], sort_keys=True)
        return hashlib.sha256(told.encode("utf-8")).hexdigest()

    def applied(self, document: Document) -> Document:
        """Return the document with these fields; `title` and `uri` are its own, the others become metadata."""
        rest = {key: value for key, value in self.fields.items() if key not in _OF_ONE}
        return replace(
            document,
            title=clip(_text(self.fields, "title")) or document.title,
            uri=_text(self.fields, "uri") or _text(self.fields, "url") or document.uri,
            metadata={**self.defaults, **document.metadata, **rest},
        )


class BesideFiles:
    """Finds what stands beside the documents of one source; every folder's file is read once."""

    def __init__(self, read: ReadFile) -> None:
        self._read = read
        self._folders: dict[str, Metadata] = {}

    def of(self, name: str) -> Beside:
        """Return what stands beside the document at `name` in the source.

        Raises:
            DocumentError: a file that says something of it is broken; names the file and its line.
        """
        folder, slash, _ = name.rpartition("/")
        return Beside(self._of_folder(folder + slash), self._fields(name + SUFFIX))

    def _of_folder(self, folder: str) -> Metadata:
        """Return the defaults of a folder (`a/b/`, "" for the source itself), those of the folders above included."""
        if folder not in self._folders:
            name = folder + FOLDER_FILE
            fields = self._fields(name)
            wrong = next((key for key in _OF_ONE if key in fields), None)
            if wrong:
                raise DocumentError(f"{name}: {wrong!r} belongs to one document; put it into NAME.ext{SUFFIX}")
            above, slash, _ = folder.rstrip("/").rpartition("/")
            self._folders[folder] = {**self._of_folder(above + slash), **fields} if folder else fields
        return self._folders[folder]

    def _fields(self, name: str) -> Metadata:
        data = self._read(name)
        return {} if data is None else flat_metadata(_parsed(data, name))


def is_beside(name: str) -> bool:
    """Say whether a file is no document but says something of others."""
    return name == FOLDER_FILE or name.endswith((SUFFIX, f"/{FOLDER_FILE}"))


def orphans(names: Collection[str]) -> list[str]:
    """Return a warning for every sidecar whose document is not there."""
    lonely = (name for name in names if name.endswith(SUFFIX) and name.removesuffix(SUFFIX) not in names)
    return [f"{name}: there is no document beside it, so it was left out" for name in sorted(lonely)]


def _parsed(data: bytes, name: str) -> Mapping[str, Any]:
    try:
        text = data.decode("utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _check(node, name)
        fields: Mapping[str, Any] | None = load_as_written(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DocumentError(f"{name}:{line}: it is no YAML: {one_line(error.problem or str(error))}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(f"{name}:1: it is no YAML in UTF-8: {clip(str(error), 200)}") from error
    return fields or {}


def _check(node: yaml.Node | None, name: str) -> None:
    """Refuse anything but `key: value` and `key: [value, …]`.

    Raises:
        DocumentError: names the file and the line.
    """
    if node is None:
        return
    if not isinstance(node, yaml.MappingNode):
        raise DocumentError(f"{name}:1: it must hold fields, one `key: value` a line")
    for key, value in node.value:
        items = value.value if isinstance(value, yaml.SequenceNode) else [value]
        wrong = next((part for part in (key, *items) if not isinstance(part, yaml.ScalarNode)), None)
        if wrong is not None:
            raise DocumentError(f"{name}:{wrong.start_mark.line + 1}: a field is one value or a list of values")


def _text(fields: Metadata, key: str) -> str:
    value = fields.get(key, "")
    return value if isinstance(value, str) else ", ".join(value)
