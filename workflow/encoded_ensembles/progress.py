"""Progress of long steps: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def report(message: str) -> None:
    """Print one line of log to standard error, with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)


def track(items: Iterable[T], *, label: str, total: int, seconds: float = 10.0) -> Iterator[T]:
    """Yield `items`, showing how many of `total` are done: a bar, or a line every `seconds`."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=label, total=total, leave=False)
        return
    last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - last >= seconds or done == total:
            report(f"{label}: {done} of {total}")
            last = time.monotonic()
