"""Codes: which units each member trains on, as a matrix of code words, splits and keep masks."""
