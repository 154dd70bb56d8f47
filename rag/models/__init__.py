"""Embedders, rerankers and generators: one family, one file, one table."""
