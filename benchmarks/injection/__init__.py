"""Faults injected into a small run: what benchmarks/faults.py is made of."""
