"""The configuration: checked and filled in; and which code decides which result."""
