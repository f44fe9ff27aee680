"""How long the gallery takes to answer, on made data of 10,000 units, in Chromium.

A time runs from the event to the frame in which its result is on the screen; median and largest of
several tries are given. Beside them stands the time of the page's own thread, which other programs on
the machine do not lengthen. Prints a table; `make bench` keeps the figures in benchmarks/out/figures.json.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from machine import ROOT, keep, sized

sys.path.append(str(ROOT / "tests/helpers"))
UNITS, SAMPLES, TRIES = sized((10_000, 16, 9), smoke=(300, 3, 1))

# Act, wait for the frame that shows the result to be painted, and tell the milliseconds.
TIMED = """() => new Promise((done) => {{
  const start = performance.now();
  {act};
  requestAnimationFrame(() => {{
    const {{ port1, port2 }} = new MessageChannel();
    port1.onmessage = () => done(performance.now() - start);
    port2.postMessage(null);
  }});
}})"""
ACTIONS = {
    "choose_sample": "document.querySelectorAll('#tiles input')[{n} + 1].click()",
    "choose_statistic": "by.selectedIndex = {n} % 4 + 1; by.dispatchEvent(new Event('change'))",
    "choose_unit": "document.querySelectorAll('#ranking button.unit')[{n} + 3].click()",
    "show_counterfactual": "document.querySelector('button.toggle').click()",
    "move_slider": "wipe.value = 10 * {n} + 10; wipe.dispatchEvent(new Event('input'))",
    "turn_page": "document.querySelector('#ranking .next').click()",
    "open_units": "document.getElementById(['to-samples', 'to-units'][({n} + 1) % 2]).click()",
    "search_unit": "query.value = 'unit 0{n}'; query.dispatchEvent(new Event('input'))",
    "turn_page_of_units": "document.querySelector('#results .next').click()",
    "last_page_of_units": "query.value = ''; query.dispatchEvent(new Event('input')); document.querySelector('#results .last').click()",
    "choose_found_unit": "document.querySelectorAll('#results button.unit')[{n}].click()",
}


def measure(file: Path) -> dict[str, list[tuple[float, float]]]:
    """Return the milliseconds, and those of the page's own thread, of opening and of each try."""
    from browser import FLAGS, find_chromium
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = chromium.new_page(viewport={"width": 1400, "height": 900})
        inside = page.context.new_cdp_session(page)
        inside.send("Performance.enable", {"timeDomain": "threadTicks"})

        def busy() -> float:
            metrics = inside.send("Performance.getMetrics")["metrics"]
            return 1000 * next(each["value"] for each in metrics if each["name"] == "ThreadTime")

        def timed(act: str) -> tuple[float, float]:
            before = busy()
            return page.evaluate(TIMED.format(act=act)), busy() - before

        start = time.perf_counter()
        page.goto(f"file://{file}")
        page.wait_for_selector("html[data-ready]")
        found = {"open": [(1000 * (time.perf_counter() - start), busy())]}
        for name, act in ACTIONS.items():
            found[name] = [timed(act.format(n=n)) for n in range(TRIES)]
        chromium.close()
    return found


def main() -> None:
    """Make the page, measure it, and keep the figures."""
    from made_run import write_page, write_run

    with tempfile.TemporaryDirectory() as folder:
        names = [f"unit {i:05d}" for i in range(UNITS)]
        write_run(Path(folder), names=names, samples=SAMPLES, members=16)
        start = time.perf_counter()
        page = write_page(Path(folder))
        figures = {"make_seconds": round(time.perf_counter() - start, 1)}
        figures["megabytes"] = round(page.stat().st_size / 1e6, 2)
        times = measure(page)
    print(f"{UNITS:,} units, {SAMPLES} samples: {figures['megabytes']} MB")
    print(f"{'milliseconds':22} {'median':>7} {'largest':>7} {'thread, largest':>16}")
    for name, tries in times.items():
        wall, thread = zip(*tries, strict=True)
        print(f"{name:22} {statistics.median(wall):7.1f} {max(wall):7.1f} {max(thread):16.1f}")
        figures[f"{name}_ms"] = round(statistics.median(wall), 1)
        figures[f"{name}_thread_ms"] = round(max(thread), 1)
    keep({f"gallery_{UNITS}_{key}": value for key, value in figures.items()})


if __name__ == "__main__":
    main()
