"""What a careful engineer would write from the READMEs of what is there to pick from."""
