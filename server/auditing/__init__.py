"""Does everything that came in have what must follow from it? Asked with code of its own, shared with no other path."""
