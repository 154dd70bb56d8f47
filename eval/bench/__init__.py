"""Benchmarks: each module measures one promise, prints a table and writes `out/bench/NAME.json`."""
