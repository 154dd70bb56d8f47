"""A small corpus that tests damage, and what is seen of it."""

from __future__ import annotations

from pathlib import Path

from ingest.pipeline import ingest
from ingest.upkeep.checks import Corpus, examine
from rag.runtime import Runtime, open_runtime
from rag.settings import Settings

TOPICS = ["orchard", "ferry", "lighthouse", "bakery", "quarry", "mill"]


def ingested(folder: Path, settings: Settings) -> Settings:
    """Ingest six documents in two generations, and close the home."""
    source = folder / "source"
    source.mkdir()
    for number, topic in enumerate(TOPICS):
        (source / f"{topic}.md").write_text(
            f"---\nkind: place\n---\n# The {topic}\n\nThe {topic} opens at {number} and has {number + 3} windows.\n"
            f"\n## Staff\n\nThe {topic} employs {'very ' * number}kind people, who whistle.\n"
        )
    with open_runtime(settings) as runtime:
        ingest([str(source)], "kb", runtime)
        (source / "mill.md").write_text("# The mill\n\nThe mill is closed.\n")
        ingest([str(source)], "kb", runtime)
    return settings


def corpus(runtime: Runtime) -> Corpus:
    return Corpus("kb", runtime, runtime.catalogue.live("kb"))


def failed(runtime: Runtime) -> dict[str, str]:
    return {finding.check: finding.detail for finding in examine(corpus(runtime)) if not finding.ok}


def folder(settings: Settings) -> Path:
    return settings.environment.home / "indexes" / "1"


def pks(runtime: Runtime) -> list[int]:
    return corpus(runtime).visible()
