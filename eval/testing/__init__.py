"""Tests that ask a corpus: `eval.testing.plugin` is the pytest plugin, `eval.testing.asker` what its fixture gives."""
