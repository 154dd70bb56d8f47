"""A golden set of many small facts, and a runtime that holds it as a corpus."""

from __future__ import annotations

import json
from pathlib import Path

from rag.settings import Settings, load_settings

PARTS = ("pump", "valve", "belt", "filter", "motor", "fan", "seal", "gear", "lamp", "hose", "tank", "gauge")


def write_set(folder: Path, splits: tuple[str | None, ...] = ("dev", "select")) -> Path:
    """Write 24 questions over 12 documents, every one of a split in turn; the gold is a sentence."""
    (folder / "docs").mkdir(parents=True)
    rows = []
    for number, part in enumerate(PARTS):
        facts = [f"The {part} is inspected every {number + 2} weeks.", f"A new {part} costs {10 * (number + 1)} euros."]
        filler = f"Ask the supplier about the {part} in writing. " * 3
        text = f"# The {part}\n\n{facts[0]} {filler}\n\n## Price\n\n{facts[1]} {filler}\n"
        (folder / "docs" / f"{part}.md").write_text(text)
        questions = (f"How often is the {part} inspected?", f"What does a new {part} cost?")
        for place, (question, fact) in enumerate(zip(questions, facts, strict=True)):
            start = text.index(fact)
            gold = {"doc_id": f"{part}.md", "start": start, "end": start + len(fact), "text": fact}
            row = {"id": f"{part}-{place}", "question": question, "answerable": True, "relevant": [gold]}
            split = splits[(2 * number + place) % len(splits)]
            rows.append(row | ({"split": split} if split else {}))
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def plant_settings(home: Path, model_cache: Path) -> Settings:
    """Return settings of a home of its own with the suite's exported model."""
    overrides = [f"embedder.cache_dir={model_cache}", "embedder.threads=1", "ingest.jobs=1"]
    return load_settings(overrides=overrides, environ={"RAGWRIGHT_HOME": str(home)})
