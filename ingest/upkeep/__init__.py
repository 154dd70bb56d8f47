"""What keeps a corpus right after it was ingested: generations, checks, repair, backups, erasure."""
