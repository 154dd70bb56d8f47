from tests.proofs.record import main

RESULTS = """<testsuites><testsuite time="90.0">
<testcase classname="tests.test_crashes" name="test_kills" time="60.4"><properties>
<property name="measured" value="30 kills, 0 violations"/></properties></testcase>
<testcase classname="tests.test_x" name="test_y[1]" time="2"><failure message="/home/somebody">x</failure></testcase>
</testsuite></testsuites>"""


def test_runs_are_appended_without_paths_and_a_failure_is_an_exit_code(tmp_path):
    (tmp_path / "run.xml").write_text(RESULTS)
    page = tmp_path / "docs" / "page.md"
    assert main(tmp_path / "run.xml", page) == 1
    (tmp_path / "run.xml").write_text(RESULTS.replace("failure", "system-out"))
    assert main(tmp_path / "run.xml", page) == 0
    text = page.read_text()
    assert text.count("# Acceptance runs") == 1 and text.count("| test_crashes: test_kills |") == 2
    assert "| test_crashes: test_kills | passed | 60 s | 30 kills, 0 violations |" in text
    assert "1 passed, 1 failed, 0 skipped, in 1.5 minutes" in text and "cores" in text
    assert "somebody" not in text


def test_a_run_without_checks_is_no_acceptance(tmp_path):
    (tmp_path / "run.xml").write_text('<testsuites><testsuite time="0"/></testsuites>')
    assert main(tmp_path / "run.xml", tmp_path / "page.md") == 1
