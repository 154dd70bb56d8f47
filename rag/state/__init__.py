"""The catalogue as readers see it: tables, their engine and the reader. `ingest.store.catalogue` is the writer."""
