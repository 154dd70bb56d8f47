"""From a file to its chunks, in worker processes; start with `ingest.make.workers`."""
