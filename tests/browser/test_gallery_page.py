"""The gallery in Chromium, opened from disk with the network off, by clicks and keys."""

import os

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import FLAGS, NAMES, find_chromium
from encoded_ensembles.storage.files import write_facts, write_table
from made_run import HOSTILE, STATISTICS, write_page, write_run

MANY = 10_000


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The page of a run of 30 units, and its influence table."""
    folder = tmp_path_factory.mktemp("small")
    table = write_run(folder, names=[*HOSTILE, *(f"unit {i}" for i in range(22))])
    return write_page(folder), table


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The page of a run of 10,000 units."""
    folder = tmp_path_factory.mktemp("large")
    write_run(folder, names=[f"unit {i:05d}" for i in range(MANY)], samples=4, members=16)
    return write_page(folder, pictures=20)


def chosen(table, sample, statistic, rank):
    """Return the row of the unit that has a rank for a sample."""
    own = table[(table["sample"] == sample) & (table[f"{statistic}_rank"] == rank)]
    return own.iloc[0]


def test_choose_a_sample_and_a_unit(open_page, small):
    page, table = open_page(small[0]), small[1]
    assert page.locator("#tiles .tile").count() == 3
    assert page.locator("#tiles .state").all_inner_texts() == [
        "2 units", "unattributable", "unattributable"
    ]  # fmt: skip
    page.locator("#tiles .tile").nth(1).click()
    assert page.locator("#verdict strong").inner_text().strip() == "Unattributable."
    assert "This is a result" in page.locator("#verdict").inner_text()
    page.select_option("#by", "distance")
    rows = page.locator("#ranking tbody tr")
    assert rows.count() == 20
    third = chosen(table, 1, "distance", 3)
    cells = rows.nth(2).locator("td").all_inner_texts()
    assert cells[0] == "3"
    assert [float(cell.replace("−", "-")) for cell in cells[1:]] == pytest.approx(
        [third[name] for name in ("distance", "distance_z", "distance_p", "distance_q")], rel=0.05
    )
    rows.nth(2).locator("button").click()
    assert page.locator("#pair-title").is_visible()
    said = page.locator("#pair .verdict").inner_text()
    assert (third["distance_p"] * 21).round() == 1
    assert "Not attributed." in said
    assert "By distance, of 20 null code words none give the same value or more" in said
    shown = page.locator("#pair tr.chosen td").all_inner_texts()
    assert shown[-1] == "3"
    assert page.locator("#pair tbody tr").count() == 6
    assert page.locator("#pair svg path.null, #pair svg path.units").count() == 2
    assert page.locator("#pair svg line.mark").count() == 1
    assert page.locator("#pair .word .drops").count() == 4
    assert page.locator("#pair .word .stays").count() == 4


def test_an_attributed_unit_is_named(open_page, small):
    page = open_page(small[0])
    assert page.locator("#verdict strong").inner_text().strip() == "Attributed to 2 units."
    assert page.locator("#ranking .flag").count() == 2
    assert "Attributed." in page.locator("#pair .verdict").inner_text()


def clip(page):
    return page.locator("#pair .over").evaluate("each => each.style.clipPath")


WHOLE, NONE = "inset(0px 0% 0px 0px)", "inset(0px 100% 0px 0px)"


def test_the_counterfactual_shows_by_hover_click_key_and_slider(open_page, small):
    page = open_page(small[0])
    picture = page.locator("#pair button.toggle")
    assert clip(page) == NONE
    picture.hover()
    assert clip(page) == WHOLE
    assert "counterfactual: the 4 members" in page.locator("#pair .viewer figcaption").inner_text()
    page.mouse.move(5, 5)
    assert clip(page) == NONE
    picture.click()
    page.mouse.move(5, 5)
    assert (clip(page), picture.get_attribute("aria-pressed")) == (WHOLE, "true")
    picture.press("Enter")
    assert (clip(page), picture.get_attribute("aria-pressed")) == (NONE, "false")
    slider = page.locator("#wipe")
    slider.focus()
    slider.press("ArrowRight")
    assert clip(page) == "inset(0px 99% 0px 0px)"
    slider.press("End")
    assert clip(page) == WHOLE


def test_pictures_on_canvas_are_those_of_the_run(open_page, small):
    """The pixels of the clipped counterfactual, and their difference from the factual sample."""
    page = open_page(small[0])
    canvas = "each => [...each.getContext('2d').getImageData(0, 0, 8, 8).data].filter((_, i) => i % 4 === 0)"
    factual = page.locator("#pair button.toggle > canvas").evaluate(canvas)
    without = page.locator("#pair .over canvas").evaluate(canvas)
    assert len(set(factual)) > 20
    assert factual != without
    change = page.locator("#pair .pictures > figure").nth(2).locator("canvas")
    red = change.evaluate(canvas)
    blue = change.evaluate(canvas.replace("i % 4 === 0", "i % 4 === 2"))
    for was, became, r, b in zip(factual, without, red, blue, strict=True):
        if abs(became - was) > 10:
            assert (r > b) == (became > was)


def test_keyboard_alone_is_enough(open_page, small):
    page = open_page(small[0])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(5):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "sample"
    page.keyboard.press("ArrowRight")
    assert page.locator("#sample-title").inner_text() == "Sample 1"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "by"
    page.keyboard.press("d")  # as in any list: the first statistic by that letter
    assert page.locator("#by").input_value() in ("distance", "directional")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    second = page.locator("#ranking tbody tr").nth(1).locator("button")
    assert second.get_attribute("aria-current") == "true"
    assert second.evaluate("each => each === document.activeElement")
    assert page.locator("#pair-title .name").inner_text() == second.locator(".name").inner_text()


def test_search_a_unit_and_see_its_samples(open_page, small):
    page, table = open_page(small[0]), small[1]
    page.click("#to-units")
    page.fill("#query", "UNIT 7")
    assert page.locator("#found").inner_text().startswith("1 unit of 30")
    page.locator("#results button.unit").click()
    rows = page.locator("#unit tbody tr")
    assert rows.count() == 3
    own = table[table["unit"] == len(HOSTILE) + 7].sort_values("joint", ascending=False)
    assert rows.locator("th span").all_inner_texts()[0] == f"sample {own['sample'].iloc[0]}"
    assert "This is a result" in page.locator("#unit .verdict").inner_text()
    rows.nth(0).locator("button").click()
    assert (
        page.locator("#pair-title").inner_text() == f"Sample {own['sample'].iloc[0]} without unit 7"
    )
    assert "unit=15" in page.url


def test_hostile_names_are_shown_as_they_are(open_page, small):
    page = open_page(small[0], at="#view=units")
    shown = page.locator("#results .name").evaluate_all(
        "each => each.map((one) => one.textContent)"
    )
    assert shown[:6] == HOSTILE[:6]
    assert shown[7] == HOSTILE[7]
    for unit in range(len(HOSTILE)):
        page.locator("#results button.unit").nth(unit).click()
        assert page.locator("#unit-title").is_visible()
    page.fill("#query", "</script>")
    assert page.locator("#results tbody tr").count() == 1
    page.fill("#query", "constructor")
    assert page.locator("#results tbody tr").count() == 1
    page.fill("#query", "nowhere")
    assert page.locator("#results").inner_text() == "None."
    assert page.title() == "Gallery of the run made"
    assert page.locator("img").count() == 0


def test_paging_through_10_000_units(open_page, large):
    page = open_page(large, at="#view=units")
    assert page.locator("#found").inner_text() == "10,000 units of 10,000 in this page"
    names = page.locator("#results .name")
    assert names.count() == 20
    page.click("#results button.next")
    assert names.first.inner_text() == "unit 00020"
    page.click("#results button.last")
    assert names.last.inner_text() == "unit 09999"
    assert page.evaluate("document.activeElement.className") == "previous"
    page.click("#results button.previous")
    assert names.first.inner_text() == "unit 09960"
    page.fill("#query", "0777")
    assert names.all_inner_texts() == ["unit 00777", *(f"unit 0777{i}" for i in range(10))]
    assert page.locator("canvas").count() < 200
    names.nth(3).click()
    page.locator("#unit tbody button").first.click()
    assert page.locator("#ranking tbody tr.chosen").count() == 1
    assert page.locator("canvas").count() < 200


def test_a_picture_that_is_left_out_is_said(open_page, large):
    page = open_page(large)
    page.click("#ranking button.last")
    page.locator("#ranking button.unit").last.click()
    assert "left out of the page" in page.locator("#pair").inner_text()
    page.click("#to-help")
    assert "gallery.pictures" in page.locator("#help").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(open_page, small, scheme):
    page = open_page(small[0], width=1400 if scheme == "light" else 360, scheme=scheme)
    for view in ("samples", "units", "help"):
        page.click(f"#to-{view}")
        found = Axe().run(page).response["violations"]
        serious = [
            (each["id"], each["nodes"][0]["html"])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == []


def test_a_code_without_null_words_says_that_nothing_can_be_attributed(open_page, tmp_path):
    write_run(tmp_path, names=[f"unit {i}" for i in range(9)], family="partition", found=0)
    page = open_page(write_page(tmp_path))
    assert "nothing can be attributed" in page.locator("#pair .verdict").inner_text()
    page.select_option("#by", "distance")
    assert "leaves no null code words" in page.locator("#pair .landscape figcaption").inner_text()


def test_warnings_stand_at_the_top_as_they_are(open_page, tmp_path):
    """Issue 14.21."""
    write_run(tmp_path, names=[f"unit {i}" for i in range(9)], found=0)
    said = [["files <b>passed</b> over"], [f"unit {'x' * 300} holds 8 of 9 images"]]
    for number, warnings in enumerate(said):
        write_facts(tmp_path / f"{number}.json", {"warnings": warnings})
    page = open_page(
        write_page(tmp_path, warned=[tmp_path / "0.json", tmp_path / "1.json"]), width=360
    )
    shown = page.locator("body > p.verdict")
    assert shown.all_inner_texts() == [f"Warning: {each}" for (each,) in said]
    assert all(each.is_visible() for each in shown.all())
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_it_is_readable_on_a_phone(open_page, small):
    page = open_page(small[0], width=360, has_touch=True, is_mobile=True)
    for view in ("samples", "units", "help"):
        page.tap(f"#to-{view}")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.tap("#to-samples")
    page.locator("#ranking button.unit").nth(4).tap()
    assert page.locator("#pair-title").evaluate("each => each.getBoundingClientRect().top") < 300
    page.locator("#pair button.toggle").tap()
    assert clip(page) == WHOLE


def test_nothing_is_cut_or_scrolls_sideways_at_320_pixels(open_page, tmp_path):
    """Issue 14.25: with numbers of many digits the page was wider than a window of 320 pixels."""
    table = write_run(tmp_path, names=[f"unit {i:05d}" for i in range(MANY)], members=16)
    for name in STATISTICS:
        table[name] = -0.000123
        table[f"{name}_p"] = table[f"{name}_q"] = 0.00013
    write_table(tmp_path / "influence.parquet", table)
    page = open_page(write_page(tmp_path, pictures=20), width=320)
    for view in ("samples", "units", "help"):
        page.click(f"#to-{view}")
        if view == "samples":
            page.click("#ranking button.last")
        elif view == "units":
            page.locator("#results button.unit").nth(1).click()
        assert page.evaluate("document.documentElement.scrollWidth") == 320, view
        tables = page.locator(f"#{view} table").evaluate_all(
            "all => all.map((each) => each.getBoundingClientRect().right)"
        )
        assert max(tables, default=0) <= 320, view


def test_search_finds_names_with_and_without_accents(open_page, tmp_path):
    """Issue 14.25: "resume" finds a name with accents, and the other way round."""
    names = [
        "Résumé",
        "RESUME",
        "re\u0301sume\u0301 2",
        "resum",
        "Ångström",
        "naïve",
        "中文",
        "a\udc80b",
    ]
    write_run(tmp_path, names=names)
    page = open_page(write_page(tmp_path), at="#view=units")
    shown = page.locator("#results .name")
    for query, found in (
        ("resume", names[:3]),
        ("RÉSUMÉ", names[:3]),
        ("resumé", names[:3]),
        ("angstrom", ["Ångström"]),
        ("NAIVE", ["naïve"]),
        ("中", ["中文"]),
    ):
        page.fill("#query", query)
        assert shown.all_inner_texts() == found, query


def test_attributed_stands_only_beside_the_q_that_attributes(open_page, small):
    """Issue 14.25: q of distance stood beside the tag that the attributing q had earned."""
    page, table = open_page(small[0]), small[1]
    assert page.locator("#ranking .flag").count() == 2
    assert "attributed by" not in page.locator("#by-means").inner_text()
    for name in ("distance", "ssim", "matched", "directional"):
        page.select_option("#by", name)
        assert page.locator("#ranking .flag").count() == 0
        assert "Units are attributed by joint" in page.locator("#by-means").inner_text()
    page.locator("#tiles .tile").nth(1).click()  # of this sample no unit is attributed
    assert "attributed by" not in page.locator("#by-means").inner_text()
    named = table[table["attributed"]]["unit"].iloc[0]
    page.goto(f"{page.url.partition('#')[0]}#view=units&unit={named}&by=distance")
    page.locator("#unit-title").wait_for()
    assert page.locator("#unit .flag").count() == 0
    page.select_option("#unit-by", "joint")
    assert page.locator("#unit tr:has(.flag) td").nth(3).inner_text() == "0.01"


def test_other_pictures_stand_with_their_units(open_page, small):
    page = open_page(small[0])
    page.click("#to-queries")
    rows = page.locator("#queries tbody tr")
    assert rows.count() == 3
    assert rows.nth(0).locator("th").inner_text().startswith("<b>mine</b>")
    assert "Unattributable" in rows.nth(0).inner_text()
    assert "Attributed to 1 unit" in rows.nth(1).inner_text()
    assert "one or more of the 5 most alike" in rows.nth(2).inner_text()
    assert "1 of 1 training image" in page.locator("#queries").inner_text()
    rows.nth(1).locator("button.unit").first.click()
    assert page.locator("#unit-title").is_visible()


def test_prompts_are_shown_and_captions_are_found(open_page, tmp_path):
    """Samples take prompts in turn; a unit is found by the caption of its image."""
    names = [f"unit {i}" for i in range(8)]
    write_run(tmp_path, names=names)
    rows = [
        {"part": "training", "image": i, "name": names[i], "caption": f"thing {i}"}
        for i in range(8)
    ]
    rows[3]["caption"] = "<b>Café</b>"
    rows.append({"part": "heldout", "image": 0, "name": "other", "caption": "not in it"})
    write_table(tmp_path / "captions.parquet", pd.DataFrame(rows))
    page = open_page(
        write_page(tmp_path, captions=tmp_path / "captions.parquet", prompt=["a <i>cat", "red"])
    )
    assert page.locator("#sample-title .said").inner_text() == "a <i>cat"
    page.locator("input[name=sample]").nth(1).check(force=True)
    assert page.locator("#sample-title .said").inner_text() == "red"
    page.locator("input[name=sample]").nth(2).check(force=True)
    assert page.locator("#sample-title .said").inner_text() == "a <i>cat"
    page.click("#to-units")
    assert page.locator("label[for=query]").inner_text() == "Search a unit by name or caption"
    page.fill("#query", "cafe")
    assert page.locator("#results .said").all_inner_texts() == ["<b>Café</b>"]
    page.locator("#results button.unit").click()
    assert page.locator("#unit-title .said").inner_text() == "<b>Café</b>"
    page.fill("#query", "not in it")
    assert page.locator("#found").inner_text().startswith("0 units of 8")
