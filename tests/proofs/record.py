"""Appends what an acceptance run found to a page: `python -m tests.proofs.record out/accept.xml docs/acceptance.md`.

The run is pytest's JUnit file; a check that counted something says so in its property `measured`. The page names the
commit and the size of the machine, and no path, host or user. The exit code is 1 if a check failed or none ran.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_HEAD = """# Acceptance runs

`make accept` runs the long checks at full count and appends what it found; the newest run is at the end.
`make test` runs seeded samples of the same checks.
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One test of the run; `result` is passed, failed or skipped."""

    name: str
    result: str
    seconds: float
    measured: str


def main(results: Path, page: Path) -> int:
    """Append the section of one run; return the exit code."""
    suite = ElementTree.parse(results).getroot().find("testsuite")
    assert suite is not None, f"{results} holds no test suite"
    checks = [_check(case) for case in suite.iter("testcase")]
    page.parent.mkdir(parents=True, exist_ok=True)
    before = page.read_text(encoding="utf-8") if page.exists() else _HEAD
    now = datetime.now(UTC)
    page.write_text(f"{before}\n{section(checks, float(suite.get('time', 0)), now, machine())}", encoding="utf-8")
    return 0 if checks and all(check.result != "failed" for check in checks) else 1


def section(checks: list[Check], wall_s: float, now: datetime, machine: str) -> str:
    """Return the Markdown of one run."""
    count = {result: sum(check.result == result for check in checks) for result in ("passed", "failed", "skipped")}
    told = ", ".join(f"{number} {result}" for result, number in count.items())
    rows = [f"| {check.name} | {check.result} | {check.seconds:.0f} s | {check.measured} |" for check in checks]
    return "\n".join(
        [
            f"## {now:%Y-%m-%d %H:%M} UTC, commit {_commit()}",
            "",
            f"{machine}. {len(checks)} checks: {told}, in {wall_s / 60:.1f} minutes.",
            "",
            "| check | result | time | measured |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def machine() -> str:
    """Return the size of this machine in words."""
    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {ram:.0f} GB of memory, {platform.system()}, Python {platform.python_version()}"


def _check(case: ElementTree.Element) -> Check:
    bad = case.find("failure") is not None or case.find("error") is not None
    result = "failed" if bad else "skipped" if case.find("skipped") is not None else "passed"
    measured = {item.get("name"): item.get("value") or "" for item in case.iter("property")}.get("measured", "")
    place = (case.get("classname") or "").rpartition(".")[2]
    return Check(f"{place}: {case.get('name')}", result, float(case.get("time", 0)), measured.replace("|", "/"))


def _commit() -> str:
    commit = _git("rev-parse", "--short=12", "HEAD")
    changed = [line for line in _git("status", "--porcelain").splitlines() if not line.endswith("docs/acceptance.md")]
    return f"{commit or 'unknown'}{' with local changes' if changed else ''}"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.rstrip()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
