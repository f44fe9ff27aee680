"""The configuration: its check, its defaults, and the code that determines each result."""
