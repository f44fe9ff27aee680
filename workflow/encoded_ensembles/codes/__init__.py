"""Codes: which units each member trains on, as code matrix, splits and keep masks."""
