"""Runs: the layout of results, finished runs, their record and integrity, deletion, and plans."""
