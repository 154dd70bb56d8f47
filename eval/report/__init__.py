"""A run as the files that people, CI and other tools read; start with `eval.report.write`."""
