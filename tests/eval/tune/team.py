"""One worker of a scripted sweep, as a process: `python -m tests.eval.tune.team DATABASE_URL SLEEP_S SEED`.

It prints what it found as one JSON document. Every piece of work sleeps, as a slow language model would.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from eval.tune.drive import Driver, Ledger
from eval.tune.store import open_store
from tests.eval.tune.test_drive import ASKED, RECALL, TOKENS, Scripted, search


class Steady(Scripted):
    """Scores that are the same in every process: Python's own hash is not."""

    def luck(self, key: str) -> int:
        """Return a number that follows from the key."""
        return sum(ord(letter) * (place + 1) for place, letter in enumerate(key)) % 2**32


def main(url: str, sleep: float, seed: int) -> None:
    """Run the sweep together with every other worker of the same database."""
    store = open_store(Path(), url)
    scripted = Steady(store, pause=sleep)
    driver = Driver("sweep", ASKED, scripted, store, Ledger((RECALL, TOKENS), len(ASKED)), lambda ledger: None)  # type: ignore[arg-type]
    found = driver.run("search", search(seed, budget=400))
    keys = [scripted.key(point, ASKED[question]) for point, rows in driver.ledger.rows.items() for question in rows]
    told = {"ranked": [point.text() for point in found.ranked], "spent": found.spent, "done": len(scripted.done)}
    print(json.dumps(told | {"evaluations": store.evaluations(keys), "keys": len(keys)}), flush=True)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
