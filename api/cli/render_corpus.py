"""Corpora, generations and ingests as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.cli.output import fields, table
from ingest.make.duplicates import Pair
from ingest.report import IngestReport
from ingest.store.catalogue import Failure
from ingest.store.registry import Remembered
from ingest.upkeep.erase import Erasure
from ingest.upkeep.generations import CorpusStatus, Kept
from ingest.upkeep.removal import Removal
from rag.shapes.reports import CorpusRowJson

_COUNTS = ("added", "changed", "moved", "removed", "unchanged")
_DUPLICATES_SHOWN = 10
_NAMES_SHOWN = 8


def ingest_text(report: IngestReport) -> str:
    """Return what a run changed, and each failed document with its reason."""
    intended = "would be: " if report.dry_run else ""
    counts = {name: report.changes[name] for name in _COUNTS}
    lines = [f"{report.corpus}: {intended}{_counted(counts)}"]
    if report.dry_run:
        lines.append(f"{report.chunks} chunks would be written ({report.embedded} embedded, {report.reused} reused)")
    else:
        live = "nothing published" if report.generation is None else f"generation {report.generation} is live"
        written = f"{report.chunks} chunks written ({report.embedded} embedded, {report.reused} reused)"
        lines.append(f"{live}, {written} in {report.seconds:.1f} s")
    lines += [f"read: {source}" for source in report.sources]
    lines += _skipped_lines(report.skipped)
    lines += _gate_lines(report)
    lines += _named_lines(report)
    lines += [f"moved: {old} -> {new}" for old, new in report.moved]
    lines += _duplicate_lines(report.duplicates)
    lines += [f"warning: {warning}" for warning in report.warnings]
    return "\n".join([*lines, *_failure_lines(report.failed)])


def _gate_lines(report: IngestReport) -> list[str]:
    if report.gate is None:
        return []
    lines = [f"gate: {report.gate.name} ({report.gate.reason})"]
    if report.held is not None:
        promote = f"ragwright generations promote {report.held} --corpus {report.corpus}"
        lines += [
            f"generation {report.held} is held: readers do not see it, and the next ingest replaces it",
            f"both runs: {report.gate.details.get('runs', '-')}",
            f"to make it live all the same: {promote}",
        ]
    return lines


def status_text(corpora: Sequence[CorpusStatus]) -> str:
    """Return what each corpus holds, which model it was built with, and what failed."""
    if not corpora:
        return "No corpus yet; make one with: ragwright ingest SOURCE --corpus NAME"
    return "\n\n".join(_status_text(corpus) for corpus in corpora)


def vacuum_text(erased: int, kept: Sequence[Kept]) -> str:
    """Return what a vacuum erased, and what holds the rest."""
    lines = [f"{erased} chunks erased" + ("" if erased else ": the generations that are kept see all of them")]
    lines += [f"kept: generation {x.generation} ({x.reason}){_holds(x)}" for x in kept]
    if any(item.chunks for item in kept[1:]):
        lines.append("to free those too: --set ingest.keep_generations=1, after which there is no rollback")
    return "\n".join(lines)


def _holds(kept: Kept) -> str:
    return f", alone with {kept.chunks} chunks of older versions" if kept.chunks and kept.reason != "live" else ""


def corpora_text(corpora: Sequence[CorpusRowJson]) -> str:
    """Return one line a corpus."""
    if not corpora:
        return "No corpus yet; make one with: ragwright ingest SOURCE --corpus NAME"
    rows = [
        (
            row.documents,
            row.chunks,
            row.failures,
            f"{row.bytes_on_disk / 1e6:.1f} MB",
            row.published_at or "-",
            row.name,
        )
        for row in corpora
    ]
    return table(("DOCUMENTS", "CHUNKS", "FAILED", "SIZE", "PUBLISHED", "CORPUS"), rows)


def erasure_text(erasure: Erasure) -> str:
    """Return what was erased, and how it could come back."""
    count = f"{len(erasure.documents)} documents erased with all versions ({erasure.chunks} chunks)"
    return f"{erasure.corpus}: {count}\nremove them from their sources too, or the next ingest brings them back"


def generations_text(corpus: CorpusStatus) -> str:
    """Return the generations, oldest first, with what each changed."""
    rows = [
        (
            row.id,
            "live" if row.id == corpus.live else row.status,
            row.published_at or "-",
            (row.gate or {}).get("name", "-"),
            _counted(row.changes),
        )
        for row in corpus.generations
    ]
    return table(("GENERATION", "STATUS", "PUBLISHED", "GATE", "CHANGES"), rows)


def _status_text(corpus: CorpusStatus) -> str:
    settings = "differ from the settings now: ingest again" if corpus.stale_settings else "as the settings say"
    values = {
        "generation": corpus.live,
        "documents": corpus.documents,
        "chunks": corpus.chunks,
        "embedder": corpus.embedder or None,
        "index": f"{corpus.index_fingerprint} ({settings})" if corpus.live is not None else None,
        "size": f"{corpus.bytes_on_disk / 1e6:.1f} MB",
        "kept": f"{len(corpus.generations)} generations",
        "languages": ", ".join(f"{count} {code or 'unknown'}" for code, count in corpus.languages.items()) or None,
        "duplicates": f"{corpus.duplicate_groups} groups of documents that say nearly the same",
        "failures": len(corpus.failures),
    }
    held = [f"holds: {listed(corpus.doc_ids)}"] if corpus.doc_ids else []
    lines = [*held, *_source_lines(corpus), *_failure_lines(corpus.failures)]
    return "\n".join([corpus.corpus, _indented(fields(values)), *lines])


def sources_text(found: Sequence[Remembered], unowned: int, corpus: str) -> str:
    """Return the sources of a corpus, oldest first, and what belongs to none."""
    if not found and not unowned:
        return f"{corpus} remembers no source; name one: ragwright ingest SOURCE --corpus {corpus}"
    rows = [
        (x.documents, x.location, x.prefix or "-", _globs(x.include), _globs(x.exclude), x.refreshed_at) for x in found
    ]
    shown = table(("DOCUMENTS", "SOURCE", "PREFIX", "INCLUDE", "EXCLUDE", "REFRESHED"), rows)
    return f"{shown}\n{_unowned(unowned)}" if unowned else shown


def removal_text(removal: Removal) -> str:
    """Return what was removed with a source."""
    live = "nothing is published" if removal.generation is None else f"generation {removal.generation} is live"
    return f"{removal.corpus}: {removal.source} is forgotten, {removal.documents} documents removed; {live}"


def _globs(globs: Sequence[str]) -> str:
    return " ".join(globs) or "-"


def _unowned(count: int) -> str:
    return f"{count} documents belong to no source: an ingest of the source that has them adopts them"


def _source_lines(corpus: CorpusStatus) -> list[str]:
    lines = [f"source: {source.key} ({source.documents} documents)" for source in corpus.sources]
    return [*lines, _unowned(corpus.unowned)] if corpus.unowned else lines


def _failure_lines(failures: Sequence[Failure]) -> list[str]:
    return [f"failed: {failure.doc_id}: {failure.reason}{_tried(failure)}" for failure in failures]


def _tried(failure: Failure) -> str:
    if not failure.failed_at:
        return ""
    times = "once" if failure.attempts == 1 else f"{failure.attempts} times, last"
    return f" (tried {times} on {failure.failed_at})"


def _named_lines(report: IngestReport) -> list[str]:
    """Return the documents by what happens to them; `embedded` only where a dry run asks what it would cost."""
    kinds = ("added", "changed", "removed", *(("embedded",) if report.dry_run else ()))
    return [f"{kind}: {listed(getattr(report.documents, kind))}" for kind in kinds if getattr(report.documents, kind)]


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many there are beyond them."""
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more (--json names all)" if more > 0 else "")


def _skipped_lines(skipped: Mapping[str, int]) -> list[str]:
    if not skipped:
        return []
    ordered = sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
    advice = "to read such files as text, name their extension: --include '*.ext'"
    return [*(f"skipped: {count} {name}, not a format that is read" for name, count in ordered), advice]


def _duplicate_lines(duplicates: Sequence[Pair]) -> list[str]:
    ordered = sorted(duplicates, key=lambda pair: (-pair[2], pair))
    lines = [f"duplicate: {doc_id} is {_likeness(score)} {other}" for doc_id, other, score in ordered]
    hidden = len(lines) - _DUPLICATES_SHOWN
    return [*lines[:_DUPLICATES_SHOWN], *([f"and {hidden} duplicates more (--json lists all)"] if hidden > 0 else [])]


def _likeness(score: float) -> str:
    return "the same text as" if score == 1.0 else f"{score:.0%} like"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
