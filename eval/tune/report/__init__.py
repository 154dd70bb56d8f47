"""How a sweep reads: `report.html`, `summary.md` and the text of a terminal."""

from eval.tune.report.page import REPORT, write_report
from eval.tune.report.summary import SUMMARY, text, write_summary
from eval.tune.report.verdict import verdict

__all__ = ["REPORT", "SUMMARY", "text", "verdict", "write_report", "write_summary"]
