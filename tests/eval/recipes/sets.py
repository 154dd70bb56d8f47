"""A tiny golden set for recipes."""

from __future__ import annotations

import json
from pathlib import Path

TEXTS = {
    "kettle.md": "# Kettle\n\nThe kettle switches itself off after ninety seconds.\n",
    "lamp.md": "# Lamp\n\nThe lamp takes two watts and dims with the wheel.\n",
    "fan.md": "# Fan\n\nThe fan is cleaned with a dry brush once a month.\n",
}
QUESTIONS = {"kettle.md": "When does the kettle switch off?", "lamp.md": "How many watts does the lamp take?"}


def write_set(folder: Path) -> None:
    """Write two questions for each of two splits, and three documents."""
    (folder / "docs").mkdir(parents=True)
    for file, text in TEXTS.items():
        (folder / "docs" / file).write_text(text)
    rows = [
        {"id": f"{split} {file}", "question": question, "answerable": True, "relevant": [file], "split": split}
        for split in ("dev", "select")
        for file, question in QUESTIONS.items()
    ]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
