"""Sharing: pipelines, exchange formats and certificates."""
