"""Every error Ragwright raises.

    RagwrightError
    ├── ConfigError               a setting, option or key is wrong (usage)
    │   ├── PassageError          a passage that was asked about lies outside its document (usage)
    │   └── UnknownKeyError       a name is not in a table; lists the valid ones
    ├── SourceError               a source is empty, missing or unreadable
    │   ├── DocumentError         one document could not be partitioned
    │   │   ├── FetchError        it could not be fetched now (transient)
    │   │   └── GoneError         it is no longer where it was fetched from
    │   ├── IdTakenError          another source of the corpus has a document of that id
    │   └── PruneRefusedError     a prune would remove too much
    ├── CorpusNotFoundError       no published generation under that name
    ├── SourceNotFoundError       the corpus does not remember such a source
    ├── DocumentNotFoundError     the generation holds no such document
    ├── BusyError                 another process holds what this one needs (transient)
    ├── IndexUnavailableError     the vector index does not answer (transient)
    ├── CatalogueUnavailableError the database does not answer (transient)
    ├── StateError                the catalogue or an index file is unreadable, full or of another version
    ├── ModelError                model weights are missing, altered or unusable
    ├── GeneratorError            the language model refused or returned nonsense
    │   └── GeneratorUnavailableError  it did not answer (transient)
    ├── GoldenSetError            a golden set breaks its schema; names file, line and field
    └── ReportError               an evaluation is saved, but a page of its report could not be made

`transient` tells a caller whether the same call may succeed later. It is decided once, where a foreign exception is
translated. `slug` is stable: it names the problem type over HTTP and in logs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class RagwrightError(Exception):
    """Base of all errors; the message is one line that says what to do."""

    slug: ClassVar[str] = "error"
    transient: ClassVar[bool] = False


class ConfigError(RagwrightError):
    """A setting, option or argument is wrong."""

    slug = "bad-configuration"


class UnknownKeyError(ConfigError):
    """A family table has no member of that name."""

    slug = "unknown-key"

    def __init__(self, family: str, key: str, valid: Iterable[str]) -> None:
        super().__init__(f"unknown {family} {key!r}; choose one of: {', '.join(sorted(valid))}")


class PassageError(ConfigError):
    """A range is not within the text of its document, or holds nothing but white space."""

    slug = "bad-passage"


class SourceError(RagwrightError):
    """A source holds nothing, does not exist or cannot be read."""

    slug = "bad-source"


class DocumentError(SourceError):
    """One document could not be turned into clean text; the run goes on without it."""

    slug = "bad-document"


class FetchError(DocumentError):
    """One document could not be fetched this time: no answer, or a server's failure."""

    slug = "fetch-failed"
    transient = True


class GoneError(DocumentError):
    """One document is no longer where it was fetched from."""

    slug = "document-gone"


class IdTakenError(SourceError):
    """A source has a document whose id belongs to another source."""

    slug = "id-taken"


class PruneRefusedError(SourceError):
    """A prune was asked to remove more than it may."""

    slug = "prune-refused"


class CorpusNotFoundError(RagwrightError):
    """The corpus has no published generation."""

    slug = "corpus-not-found"


class SourceNotFoundError(RagwrightError):
    """The corpus remembers no source of that name, or several."""

    slug = "source-not-found"


class DocumentNotFoundError(RagwrightError):
    """The generation holds no document with that id."""

    slug = "document-not-found"


class BusyError(RagwrightError):
    """Another process holds a lock or port that this one needs."""

    slug = "busy"
    transient = True


class IndexUnavailableError(RagwrightError):
    """The vector index, or the process that owns it, does not answer; `retry_after_s` is the pause it asked for."""

    slug = "index-unavailable"
    transient = True

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CatalogueUnavailableError(RagwrightError):
    """The database that holds the catalogue is down, frozen or overloaded."""

    slug = "catalogue-unavailable"
    transient = True


class StateError(RagwrightError):
    """State on disk is unreadable, damaged, read-only, full, or written by another version."""

    slug = "bad-state"


class ModelError(RagwrightError):
    """Model weights are missing, do not match their checksum, or cannot be run."""

    slug = "bad-model"


class GeneratorError(RagwrightError):
    """The language model refused the request or returned something unusable; `brief` is why, for tables of reasons."""

    slug = "generator-failed"

    def __init__(self, message: str, brief: str | None = None) -> None:
        super().__init__(message)
        self.brief = message if brief is None else brief


class GeneratorUnavailableError(GeneratorError):
    """The language model endpoint did not answer in time; `retry_after_s` is the pause it asked for."""

    slug = "generator-unavailable"
    transient = True

    def __init__(self, message: str, brief: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, brief)
        self.retry_after_s = retry_after_s


class GoldenSetError(RagwrightError):
    """A golden set breaks its schema; `problems` are all of them, each with file, line and field."""

    slug = "bad-golden-set"

    def __init__(self, message: str, problems: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class ReportError(RagwrightError):
    """The data of an evaluation are saved, but something that is made of them could not be written; names both."""

    slug = "report-incomplete"
