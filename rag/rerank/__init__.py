"""Second stages: a closer look at the first stage's best hits; start with `rag.rerank.rerankers`."""
