"""The gallery's page: it holds what the tables say, whatever units are called, within 15 MB."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.commands.make_gallery import make_gallery
from encoded_ensembles.data.images import read_images, to_bytes
from encoded_ensembles.figures import gallery
from encoded_ensembles.storage.files import (
    InputError,
    read_arrays,
    read_tensors,
    write_table,
    write_tensors,
)
from hypothesis import given
from hypothesis import strategies as st
from made_run import HOSTILE, STATISTICS, write_page, write_run


def content(page):
    text = page.read_text(encoding="utf-8")
    return gallery.unpack(re.search(r'id="data">([^<]*)</script>', text).group(1))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    table = write_run(folder, names=[*HOSTILE, *(f"unit {i}" for i in range(22))])
    return folder, table, *content(write_page(folder))


def test_every_number_of_the_table_is_in_the_page(small):
    _, table, facts, arrays = small
    assert [each["name"] for each in facts["statistics"]] == ["joint", *STATISTICS[:-1]]
    assert arrays["pair_sample"].tolist() == table["sample"].tolist()
    assert arrays["pair_unit"].tolist() == table["unit"].tolist()
    assert arrays["pair_attributed"].tolist() == table["attributed"].tolist()
    for name in STATISTICS:
        for suffix in ("", "_z", "_p", "_q", "_rank"):
            column = table[f"{name}{suffix}"].to_numpy()
            assert np.array_equal(arrays[f"{name}{suffix}"], column.astype(np.float32)), name
    assert (arrays["expected_high"] == np.float32(0.5)).all()
    assert [each["attributed"] for each in facts["samples"]] == [2, 0, 0]
    assert facts["samples"][1]["sets"] == [[1, 0.001, 0.5]]
    assert facts["samples"][1]["null_radius"] == 1.5


def test_given_pictures_stand_first_with_their_units(small):
    folder, _, facts, arrays = small
    assert [each["kind"] for each in facts["queries"]] == ["given", "training", "heldout"]
    given, training, heldout = facts["queries"]
    assert (given["name"], given["answer"]) == ("<b>mine</b>", "nothing")
    few = "close to none: that takes 19 held-out images, and this run has 1"
    assert {each["close"] for each in facts["queries"]} == {few}
    assert (training["units"], training["attributed"]) == (1, [True] * 3)
    assert (heldout["answer"], heldout["units"]) == ("group", 5)
    assert [arrays["unit_number"][unit] for unit in training["top"]] == [0, 1, 2]
    images = read_images(folder / "queries.npz").images
    assert np.array_equal(arrays["queries"], images[[2, 0, 1]])


def test_pictures_are_the_run_s_in_8_bits(small):
    folder, table, _, arrays = small
    factual = read_tensors(folder / "samples.safetensors")["factual"]
    assert np.array_equal(arrays["samples"], to_bytes(factual))
    assert len(arrays["pictures"]) == len(table)
    for number in range(2):
        block = read_tensors(folder / f"block{number}.safetensors")
        for unit, moved in zip(block["units"], block["counterfactuals"], strict=True):
            pairs = np.flatnonzero(table["unit"] == unit)
            assert np.array_equal(
                arrays["pictures"][arrays["pair_picture"][pairs]], to_bytes(moved)
            )
    change = np.abs(arrays["pictures"].astype(float) - arrays["samples"][table["sample"]])
    for sample in range(3):
        assert arrays["bound"][sample] == change[table["sample"] == sample].max()
    assert np.array_equal(arrays["images"], read_arrays(folder / "training.npz")["images"])


def test_units_have_their_names_words_and_digests(small):
    folder, _, facts, arrays = small
    code = read_arrays(folder / "code.npz")
    assert facts["units"] == code["unit_names"].tolist()
    words = np.unpackbits(arrays["unit_word"], axis=1, bitorder="little")[:, :8]
    assert np.array_equal(words, code["code"])
    assert arrays["unit_sha256"][3].tobytes().hex() == f"{3:064x}"


class Scripts(HTMLParser):
    """Count the elements of a page, as a browser would see them."""

    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)


def test_names_are_never_read_as_html(small):
    folder, *_ = small
    parser = Scripts()
    text = (folder / "gallery.html").read_text(encoding="utf-8")
    parser.feed(text)
    assert parser.tags.count("script") == 2
    assert not {"img", "iframe", "object", "link"} & set(parser.tags)
    assert "caught" not in text


def test_the_program_puts_text_in_as_text_and_asks_for_nothing():
    script = "".join((gallery.PAGE / name).read_text() for name in gallery.SCRIPTS)
    for risky in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "fetch(",
                  "XMLHttpRequest", "import(", "</script"):  # fmt: skip
        assert risky not in script, risky
    assert {file.name for file in gallery.PAGE.glob("*.js")} == set(gallery.SCRIPTS)


@given(st.lists(st.text(st.characters()), min_size=1), st.integers(0, 3))
def test_packing_keeps_facts_and_arrays(names, count):
    arrays = {
        "a": np.arange(count, dtype=np.uint8),
        "b": np.arange(2 * count, dtype=np.float32).reshape(2, count),
        "c": np.array([-1], np.int32),
    }
    text = gallery.pack({"units": names}, arrays)
    assert re.fullmatch(r"[A-Za-z0-9+/=]*", text)
    facts, found = gallery.unpack(text)
    assert facts["units"] == names
    for name, array in arrays.items():
        assert np.array_equal(found[name], array)
        assert found[name].shape == array.shape


def test_equal_runs_give_equal_pages(small, tmp_path):
    folder, *_ = small
    write_run(tmp_path, names=[*HOSTILE, *(f"unit {i}" for i in range(22))])
    assert write_page(tmp_path).read_bytes() == (folder / "gallery.html").read_bytes()


def test_depth_is_the_last_rank_that_fits_whole():
    best = np.array([1, 1, 2, 2, 2, 3])
    assert [gallery.depth(best, room=room) for room in range(7)] == [0, 0, 1, 1, 1, 2, 3]


def test_chosen_pairs_are_the_best_and_each_unit_s_best_sample():
    table = pd.DataFrame(
        {
            "sample": np.repeat(np.arange(4), 4),
            "unit": np.tile(np.arange(4), 4),
            "contrast_rank": np.tile([1, 2, 3, 4], 4),
        }
    )
    chosen, deep = gallery.choose_pairs(table, ["contrast"], room=16)
    assert (chosen.all(), deep) == (True, 4)
    chosen, deep = gallery.choose_pairs(table, ["contrast"], room=8)
    # all four units of sample 0, and of the other samples what fits: their first unit
    assert np.flatnonzero(chosen).tolist() == [0, 1, 2, 3, 4, 8, 12]
    assert deep == 1
    chosen, deep = gallery.choose_pairs(table, ["contrast"], room=7)  # no room for every unit
    assert np.flatnonzero(chosen).tolist() == [0, 4, 8, 12]
    assert deep == 1


def test_landscape_by_hand():
    found = gallery.landscape("value", np.array([0.0, 4.0, np.nan]), np.array([1.0, 4.0]))
    assert (found.low, found.high) == (0, 4)
    assert (found.units[0], found.units[-1], found.units.sum()) == (1, 1, 2)
    assert (found.null[10], found.null[-1], found.null.sum()) == (1, 1, 2)
    flat = gallery.landscape("p", np.array([0.05, 0.05, 1.0]), np.empty(0))
    assert (flat.low, flat.high, flat.units[2]) == (0, 1, 2)
    assert np.allclose(flat.null, 3 / gallery.BINS)
    assert gallery.landscape("z", np.full(2, np.nan), np.empty(0)).units.sum() == 0


def test_pooled_null_has_mean_zero_and_spread_one():
    pull = np.random.default_rng(0).normal(size=(30, 6))
    words = np.array(
        [[i >> m & 1 for m in range(6)] for i in range(64) if i.bit_count() == 3], bool
    )
    found = gallery.pooled_null(pull, words)
    assert found.shape == (30 * 20,)
    assert np.isclose(found.mean(), 0)
    assert np.isclose(found.std(), 1)
    assert gallery.pooled_null(pull, words[:0]).size == 0


def test_the_page_stays_below_15_mb_and_says_what_it_leaves_out(tmp_path, monkeypatch):
    """Noise, which cannot be compressed, in colours and large: more than fits of pairs and pictures."""
    monkeypatch.setattr(gallery, "PAIR_BYTES", 200_000)
    write_run(
        tmp_path,
        names=[f"unit {i}" for i in range(200)],
        samples=9,
        side=64,
        channels=3,
        members=10,
    )
    page = write_page(tmp_path, shown=8)
    assert 13.5e6 < page.stat().st_size < 15e6
    facts, arrays = content(page)
    assert facts["all"] == {"units": 200, "samples": 9, "pairs": 8 * 200}
    assert 0 < facts["pictures"] < facts["depth"] < 200
    assert arrays["samples"].shape == (8, 64, 64, 3)
    assert arrays["images"].shape[1] < 64
    assert len(arrays["pictures"]) == (arrays["pair_picture"] >= 0).sum() < len(arrays["pair_unit"])
    assert len(facts["units"]) == 200
    assert len(content(write_page(tmp_path, pictures=1))[1]["pictures"]) <= 9 * len(STATISTICS)


def test_a_code_without_null_words_is_shown_as_such(tmp_path):
    write_run(tmp_path, names=[f"unit {i}" for i in range(9)], family="partition", found=0)
    facts, arrays = content(write_page(tmp_path))
    assert {each["words"] for each in facts["statistics"]} == {0}
    assert [each["null_radius"] for each in facts["samples"]] == [None] * 3
    assert (arrays["contrast_p"] == 1).all()
    assert np.isnan(arrays["distance_z"]).all()
    place = [each["name"] for each in facts["statistics"]].index("distance")
    assert (arrays["landscape_units"][:, place].sum(axis=1) == 9).all()
    assert arrays["landscape_null"][:, place].sum() == 0


def test_a_missing_block_is_said(small, tmp_path):
    folder, *_ = small
    with pytest.raises(InputError, match="unit 15 is in no block of the landscape"):
        make_gallery(
            [folder / "block0.safetensors"], run="made", data=folder / "training.npz",
            code=folder / "code.npz", units=folder / "units.parquet",
            samples=folder / "samples.safetensors", influence=folder / "influence.parquet",
            null=folder / "null.parquet", radius=folder / "radius.parquet",
            pulls=folder / "pulls.safetensors", sets=folder / "sets.parquet",
            answers=folder / "answers.parquet", queries=folder / "queries.npz",
            query_pairs=folder / "query_pairs.parquet",
            query_answers=folder / "query_answers.parquet",
            expected=folder / "expected.parquet", output=tmp_path / "x.html",
        )  # fmt: skip
    assert not (tmp_path / "x.html").exists()


def test_a_screened_landscape_shows_the_pairs_that_were_ablated(tmp_path):
    table = write_run(tmp_path, names=[f"unit {unit}" for unit in range(6)])
    pictures = {}
    for file in tmp_path.glob("block*.safetensors"):
        block = read_tensors(file)
        pictures |= dict(zip(block["units"].tolist(), block["counterfactuals"], strict=True))
        file.unlink()
    ablated = [
        (unit, sample) for unit in range(6) for sample in range(3) if (unit + sample) % 3 == 0
    ]
    for sample in range(3):
        units = [unit for unit, of in ablated if of == sample]
        arrays = {
            "unit": np.array(units), "sample": np.full(len(units), sample),
            "counterfactual": np.stack([pictures[unit][sample] for unit in units]),
        }  # fmt: skip
        write_tensors(tmp_path / f"block{sample}.safetensors", arrays)
    pairs = list(zip(table["unit"].tolist(), table["sample"].tolist(), strict=True))
    exact = np.array([pair in ablated for pair in pairs])
    write_table(tmp_path / "influence.parquet", table.assign(exact=exact))
    _, arrays = content(write_page(tmp_path))
    assert np.array_equal(arrays["pair_exact"], exact)
    assert np.array_equal(arrays["pair_picture"] >= 0, exact)
    for (unit, sample), place in zip(pairs, arrays["pair_picture"].tolist(), strict=True):
        if place >= 0:
            shown = to_bytes(pictures[unit][sample][None])[0]
            assert np.array_equal(arrays["pictures"][place], shown)
