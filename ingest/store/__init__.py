"""The writers of what is stored: catalogue and indexes; start with `ingest.store.catalogue`."""
