"""The documentation: the site builds, what it names exists, and what exists is in it."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import typer
from encoded_ensembles.cli import application
from encoded_ensembles.config.check import with_defaults
from encoded_ensembles.config.closure import PACKAGE, closure
from safetensors import safe_open
from workspace import REPOSITORY

DOCS = REPOSITORY / "docs"
VERBS = typer.main.get_command(application()).commands


def build(folder, site):
    """Build the site; not with --quiet, which also keeps --strict from seeing warnings."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", site],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = build(REPOSITORY, folder)
    assert done.returncode == 0, done.stderr
    return folder


class Page(HTMLParser):
    """What a page has, and what it fetches."""

    def __init__(self, file):
        super().__init__()
        self.ids, self.fetched, self.text = set(), [], []
        self.feed(file.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get("id"))
        self.fetched += [attributes.get("src")]
        self.fetched += [attributes.get("href")] if tag == "link" else []

    def handle_data(self, data):
        self.text.append(data)


def test_a_broken_link_an_unknown_anchor_and_a_page_outside_the_menu_stop_the_build(tmp_path):
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("*.png"))
    (tmp_path / "workflow").symlink_to(REPOSITORY / "workflow")
    shutil.copy(REPOSITORY / "mkdocs.yml", tmp_path)
    (tmp_path / "docs/stray.md").write_text(
        "[a](nowhere.md) [b](codes.md#nothing) [c](/codes.md)\n"
    )
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    warnings = [line for line in done.stderr.splitlines() if "stray.md" in line]
    for mistake in ("nowhere.md", "#nothing", "absolute link", 'not included in the "nav"'):
        assert mistake in done.stderr, warnings


def test_pages_fetch_nothing_from_the_network(site):
    pages = [file for file in site.rglob("*.html") if file.name != "404.html"]
    assert len(pages) > 25
    for file in pages:
        for address in filter(None, Page(file).fetched):
            assert not re.match(r"(https?:)?//", address), (file.name, address)
            assert (file.parent / re.split(r"[?#]", address)[0]).exists(), (file.name, address)
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//|@import", style.read_text()), style


def test_no_item_of_a_list_is_in_a_paragraph_of_the_item_before(site):
    """Python-Markdown needs a blank line where an item follows an indented paragraph."""
    for file in site.rglob("*.html"):
        for text in re.findall(r"<p>(.*?)</p>", file.read_text(), re.DOTALL):
            assert not re.search(r"\n\s*(\d{1,2}\.|[-*]) ", text), (file.name, text)


def test_every_key_of_the_configuration_is_documented(site, schema):
    page = Page(site / "reference/configuration.html")

    def leaves(part, path):
        for key, value in part.items():
            yield from (
                leaves(value, f"{path}{key}.")
                if isinstance(value, dict) and value
                else [(f"{path}{key}", value)]
            )

    keys = dict(leaves(with_defaults({}, schema), ""))
    assert len(keys) > 60
    assert keys.keys() <= page.ids
    plants = schema["properties"]["dataset"]["properties"]["plant"]["items"]["properties"]
    assert {f"dataset.plant[].{key}" for key in plants} <= page.ids
    assert schema["properties"]["code"]["properties"]["members"]["description"] in page.text


def test_every_verb_and_option_is_documented(site):
    page = Page(site / "reference/commands.html")
    sections = re.split(r"\n\s*encens ", "".join(page.text))
    for verb, command in VERBS.items():
        assert f"encens-{verb}" in page.ids
        section = next(each for each in sections if each.startswith((f"{verb}¶", f"{verb}\n")))
        for parameter in command.params:
            for name in parameter.opts:
                assert name in section, (verb, name)


def described():
    """Yield each file of docs/files.md with the names in its table."""
    for section in re.split(r"\n### ", (DOCS / "files.md").read_text())[1:]:
        heading, _, rest = section.split("\n## ")[0].partition("\n")
        rows = re.findall(r"^\| (`.+?) \|", rest, re.MULTILINE)
        yield (
            re.findall(r"`(.+?)`", heading),
            [n for row in rows for n in re.findall("`(.+?)`", row)],
        )


def matches(pattern, name):
    return re.fullmatch(re.sub(r"\\{\w+\\}", r"[^/]+?", re.escape(pattern)), name)


def names_in(file):
    """Return the columns, arrays or keys of a file; None for one of another kind."""
    if file.suffix == ".parquet":
        return list(pd.read_parquet(file).columns)
    if file.suffix == ".csv":
        return list(pd.read_csv(file, nrows=0).columns)
    if file.suffix == ".npz":
        return np.load(file).files
    if file.suffix == ".json":
        return [key for key in json.loads(file.read_text()) if key != "seal"]
    if file.suffix == ".safetensors":
        with safe_open(file, "np") as opened:
            return list(opened.keys())
    return None


def test_files_of_a_finished_run_are_as_described(finished):
    known, seen = list(described()), set()
    root = finished.results()
    for file in sorted(root.rglob("*")):
        if not file.is_file() or file.suffix == ".tmp":
            continue
        path = str(file.relative_to(root))
        table = path.removesuffix(".csv") + ".parquet" if file.suffix == ".csv" else path
        found = [names for patterns, names in known if any(matches(p, path) for p in patterns)]
        found += [names for patterns, names in known if table != path and table in patterns]
        assert len(found) == 1, path
        names = names_in(file)
        if found[0] and names is not None:
            for name in names:
                assert any(matches(each, name) for each in found[0]), (path, name)
            for each in found[0]:
                assert any(matches(each, name) for name in names), (path, each)
            seen.add(path)
    assert {"influence/influence.parquet", "contrast/sets.csv", "run.json"} <= seen


def test_every_output_of_a_rule_is_described():
    patterns = [pattern for each, _ in described() for pattern in each]
    outputs = set()
    for file in (REPOSITORY / "workflow/rules").glob("*.smk"):
        for part in re.findall(r"\n    output:\n(.*?)\n    \w+:", file.read_text(), re.DOTALL):
            text = part.replace("{{", "{").replace("}}", "}")
            text = text.replace("{WEIGHTS}", "diffusion_pytorch_model.safetensors")
            for number, name in enumerate(["config.json", "diffusion_pytorch_model.safetensors"]):
                text = text.replace(f"{{own_files()[{number}]}}", name)
            for network in ("members/00", "retrain/same/0/0", "heldout/0.0"):
                each = text.replace("{network}", network)
                outputs |= set(re.findall(r'"results/{run}/(.+?)"', each))
    assert len(outputs) > 60
    for output in outputs:
        plain = re.sub(r"\{(\w+)\}", r"\1", output)
        tables = (plain, re.sub(r"\.csv$", ".parquet", plain))
        assert any(matches(each, name) for each in patterns for name in tables), output


def test_commands_that_pages_show_exist():
    shown = 0
    for page in DOCS.rglob("*.md"):
        text = re.sub(r"\\\n\s*", "", page.read_text())
        for verb, options in re.findall(r"^ +(?:\$ )?encens ([a-z-]+)(.*)$", text, re.MULTILINE):
            names = {name for parameter in VERBS[verb].params for name in parameter.opts}
            given = re.findall(r" (--[a-z-]+)", options.split(" #")[0])
            assert set(given) <= names, (page, verb)
            shown += 1
        for preset in re.findall(r"presets/[\w-]+\.yaml", text):
            assert (REPOSITORY / preset).exists(), (page, preset)
    assert shown > 10


def test_the_tour_of_the_code_names_modules_and_rules_that_exist():
    text = (DOCS / "reading.md").read_text()
    rules = "".join(file.read_text() for file in (REPOSITORY / "workflow/rules").glob("*.smk"))
    rows = re.findall(r"^\| .+? \| (`.+) \| (`.+) \|$", text, re.MULTILINE)
    assert len(rows) > 8
    for modules, named in rows:
        for module in re.findall("`(.+?)`", modules):
            assert (PACKAGE / f"{module}.py").exists(), module
        for rule in re.findall("`(.+?)`", named):
            assert re.search(rf"^(rule|checkpoint) {rule}:", rules, re.MULTILINE), rule


def test_the_tour_of_the_code_says_which_modules_handle_files():
    """Issue 14.27: they are those that know of paths; `train` uses one that does."""
    text = (DOCS / "reading.md").read_text()
    said = re.search(r"Of the modules in the table only (.+?) handle files", text, re.DOTALL)[1]
    rows = re.findall(r"^\| .+? \| (`.+) \| `.+` \|$", text, re.MULTILINE)
    modules = {module for row in rows for module in re.findall("`(.+?)`", row)}
    of_paths = {
        module
        for module in modules
        if re.search(
            r"^ *(from|import) (pathlib|os)\b", (PACKAGE / f"{module}.py").read_text(), re.MULTILINE
        )
    }
    assert of_paths == set(re.findall("`(.+?)`", said))


def test_the_tour_of_the_code_says_what_a_changed_module_does_again():
    """Issue 14.27: which rules run a module."""
    text = "".join(file.read_text() for file in (REPOSITORY / "workflow/rules").glob("*.smk"))
    rules = set(re.findall(r"^ *(?:rule|checkpoint) (\w+):", text, re.MULTILINE))
    stale = {
        module: {rule for rule in rules if PACKAGE / f"{module}.py" in closure(rule)}
        for module in ("figures/grading", "figures/style", "members/training")
    }
    assert stale["figures/grading"] == {"plot_gains", "plot_scoreboard", "plot_truth"}
    assert stale["figures/style"] == {rule for rule in rules if rule.startswith("plot_")}
    assert stale["members/training"] == {"train_member", "train_adapter"}


def test_the_module_of_the_how_to_works(workspace, tmp_path):
    text = (DOCS / "howto/module.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    folder = tmp_path / "outer"
    folder.mkdir()
    snakefile = str(REPOSITORY / "Snakefile")
    (folder / "Snakefile").write_text(
        code.replace("/path/to/encoded-ensembles/Snakefile", snakefile)
    )
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run"],
        cwd=folder, env=workspace.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE))
    assert (counts["small_train_member"], counts["large_train_member"]) == ("11", "13")


def test_the_tour_of_the_code_names_every_module_in_its_room():
    text = (DOCS / "reading.md").read_text()
    table = text.split("\n## The rooms\n")[1].split("Outside the package")[0]
    rows = re.findall(r"^\| `(.+?)/` \| (.+?) \|", table, re.MULTILINE)
    named = {
        f"{room}/{module}" for room, modules in rows for module in re.findall("`(.+?)`", modules)
    }
    modules = {str(path.relative_to(PACKAGE).with_suffix("")) for path in PACKAGE.glob("*/**/*.py")}
    described = {"figures", "commands"}  # as a family of modules
    assert {
        module
        for module in modules
        if module.partition("/")[0] not in described and not module.endswith("__init__")
    } == {module for module in named if module.partition("/")[0] not in described}


def test_paragraphs_within_lists_are_indented_by_four():
    """With fewer blanks the site ends the list there, and its next number becomes text."""
    for page in DOCS.rglob("*.md"):
        text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        assert not re.search(r"\n\n {1,3}[^\s\d*-]", text), page
