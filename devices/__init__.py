"""What machines say: topics, formats, units, quality, and the ledger of what came in."""
