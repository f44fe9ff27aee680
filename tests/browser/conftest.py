"""A Chromium without a network, for pages that open from disk."""

import os

import pytest
from browser import FLAGS, NAMES, find_chromium


@pytest.fixture(scope="session")
def chromium():
    """A browser, or a skip where there is none; in CI it has to be there."""
    found = find_chromium()
    if found is None:
        said = f"none of {', '.join(NAMES)} is installed (Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Open files in a window without a network; at the end nothing may have asked for one."""
    contexts, asked, errors = [], [], []

    def route(each):
        if each.request.url.startswith("file:"):
            each.continue_()
        else:
            asked.append(each.request.url)
            each.abort()

    def opened(file, *, width=1400, scheme="light", at="", **options):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **options
        )
        contexts.append(context)
        context.set_offline(True)
        context.route("**/*", route)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.goto(f"file://{file}{at}")
        page.wait_for_selector("html[data-ready]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert asked == []
    assert errors == []
