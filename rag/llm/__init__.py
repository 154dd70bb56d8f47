"""Language models behind one port; start with `rag.llm.openai_compatible`."""
