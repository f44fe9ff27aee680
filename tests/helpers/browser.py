"""Which browser, and how it is started: for tests and for benchmarks/gallery.py."""

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]


def find_chromium():
    """Return the path of a browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)
