"""From sources to one published index generation; start with `ingest.pipeline`."""
