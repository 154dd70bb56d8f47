"""Vector, keyword and token-vector indexes: schema, write and search of one index stand side by side."""
