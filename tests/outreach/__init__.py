"""Outreach: what is due, by which way, in which words, and what a person must do."""
