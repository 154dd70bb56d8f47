"""Workers that hang, die, swell and outlive their parent. What they run must be importable in a fresh process."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from ingest.make.workers import Job, Outcome, Recipe, WorkerPool, prefetched
from ingest.sources import SourceItem
from rag.settings import ChunkerSettings, PartitionSettings
from rag.types import Document

MODULE = """
import os, signal, time
from ingest.make.workers import Outcome

def act(job, recipe):
    name, _, rest = job.doc_id.partition(":")
    if name == "hang":
        time.sleep(60)
    elif name == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif name == "exit":
        os._exit(7)
    elif name == "swell":
        hoard = bytearray(2 * 1024**3)
    elif name == "bug":
        raise ZeroDivisionError("one\\ntwo")
    elif name == "pid":
        open(rest, "w").write(str(os.getpid()))
        time.sleep(60)
    return Outcome(job.doc_id, source_hash="made")
"""


@pytest.fixture
def act(tmp_path, monkeypatch):
    (tmp_path / "acting.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    yield importlib.import_module("acting").act
    del sys.modules["acting"]


def recipe(tokenizer, timeout_s=30.0, memory_mb=512):
    return Recipe(tokenizer, ChunkerSettings(), PartitionSettings(timeout_s=timeout_s, memory_mb=memory_mb))


def outcomes(pool, *names):
    return {outcome.doc_id: outcome for outcome in pool.outcomes(Job(name) for name in names)}


def test_bad_jobs_become_failures_and_the_others_are_made(act, tokenizer):
    with WorkerPool(2, recipe(tokenizer), act) as pool:
        made = outcomes(pool, "a", "die:1", "b", "exit:1", "c", "swell:1", "d", "bug:1", "e")
    assert [made[name].source_hash for name in "abcde"] == ["made"] * 5
    assert "SIGSEGV" in made["die:1"].reason and made["die:1"].transient
    assert "exit code 7" in made["exit:1"].reason
    assert "more than 512 MB" in made["swell:1"].reason and made["swell:1"].transient
    assert made["bug:1"].reason == "internal error: ZeroDivisionError: one two" and not made["bug:1"].transient


def test_hanging_worker_is_replaced(act, tokenizer):
    started = time.monotonic()
    with WorkerPool(1, recipe(tokenizer, timeout_s=1.5), act) as pool:
        made = outcomes(pool, "hang:1", "after")
    assert "longer than 1.5 s" in made["hang:1"].reason and made["hang:1"].transient
    assert made["after"].source_hash == "made"
    assert time.monotonic() - started < 20


def test_leaving_early_ends_the_workers(act, tokenizer):
    started = time.monotonic()
    with WorkerPool(1, recipe(tokenizer), act) as pool:
        with prefetched(pool.outcomes(Job(name) for name in ["a", "hang:1"]), pool.cancel) as made:
            assert next(made).doc_id == "a"
    assert time.monotonic() - started < 15


def test_error_in_the_job_source_reaches_the_reader(act, tokenizer):
    def jobs():
        yield Job("a")
        raise LookupError("gone")

    with WorkerPool(1, recipe(tokenizer), act) as pool, prefetched(pool.outcomes(jobs()), pool.cancel) as made:
        with pytest.raises(LookupError, match="gone"):
            list(made)


def test_workers_die_with_their_parent(act, tokenizer, tmp_path):
    pid_file = tmp_path / "pid"
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys
        sys.path[:0] = [{str(tmp_path)!r}, {str(Path.cwd())!r}]
        from acting import act
        from ingest.make.workers import Job, Recipe, WorkerPool
        from rag.models.tokenizers import JsonTokenizer
        from rag.settings import ChunkerSettings, PartitionSettings
        from pathlib import Path
        if __name__ == "__main__":
            recipe = Recipe(JsonTokenizer(Path("x"), "x"), ChunkerSettings(), PartitionSettings())
            with WorkerPool(1, recipe, act) as pool:
                list(pool.outcomes([Job("pid:{pid_file}")]))
        """)
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    try:
        assert _until(lambda: pid_file.exists() and pid_file.read_text())
        worker = int(pid_file.read_text())
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert _until(lambda: not _alive(worker))


def test_real_job_makes_a_document_with_chunks(tokenizer, tmp_path):
    path = tmp_path / "a.md"
    path.write_text("# Head\n\nSome words here.\n")
    with WorkerPool(1, recipe(tokenizer)) as pool:
        (made,) = pool.outcomes([Job("a.md", SourceItem("a.md", path))])
    assert made.document.title == "Head" and made.chunks[0].text == "# Head\n\nSome words here."


def _until(condition, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False
    except OSError:
        os.kill(pid, 0)
        return True


def test_a_script_that_starts_workers_at_its_top_is_told_how_to(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from ingest.make.workers import Job, Recipe, WorkerPool\n"
        "from rag.settings import ChunkerSettings, PartitionSettings\n"
        "recipe = Recipe('x' * 500_000, ChunkerSettings(), PartitionSettings())\n"
        "with WorkerPool(1, recipe) as pool:\n"
        "    list(pool.outcomes([Job('a')]))\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and "if __name__ == '__main__'" in done.stderr.splitlines()[-1]


def test_large_outcomes_wait_until_there_is_room(monkeypatch):
    monkeypatch.setattr("ingest.make.workers._AHEAD_CHARS", 100)
    drawn = []

    def outcomes():
        for n in range(8):
            drawn.append(n)
            yield Outcome(str(n), Document(str(n), "", "x" * 60, (), ""))

    with prefetched(outcomes(), lambda: None) as ready:
        first = next(ready)
        deadline = time.monotonic() + 10
        while len(drawn) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        assert drawn == [0, 1, 2]  # one read, one waiting, one that finds no room
        assert [first.doc_id, *(outcome.doc_id for outcome in ready)] == [str(n) for n in range(8)]
