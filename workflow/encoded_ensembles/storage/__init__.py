"""Storage: files written whole, sealed with their digest, and never unpickled."""
