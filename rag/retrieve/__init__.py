"""First stages and their fusion."""
