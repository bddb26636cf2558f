"""The home hub."""
