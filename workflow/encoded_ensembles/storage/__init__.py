"""Storage: files are written atomically, sealed with their digest, and never unpickled."""
