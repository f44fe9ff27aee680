"""Grading: rival attribution methods, and the kinds of truth that methods are graded by."""
