"""The catalogue as readers see it: tables, the engine that opens them, and the reader. `ingest.catalogue` writes."""
