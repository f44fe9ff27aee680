"""What the files of the repository promise of one another."""

import json
import re
import shutil
import subprocess
import sys

import encoded_ensembles
import yaml
from encoded_ensembles.config import check, closure
from workspace import REPOSITORY


def pins(text):
    return set(re.findall(r"[\w.-]+==[\w.]+", text))


def test_conda_environment_has_the_pinned_versions():
    conda = yaml.safe_load((REPOSITORY / "envs/encens.yaml").read_text())
    listed = set(conda["dependencies"][-1]["pip"])
    assert listed == pins((REPOSITORY / "envs/requirements.txt").read_text())


def test_pins_cover_the_package_dependencies():
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[<>=]", need)[0] for need in project["dependencies"]}
    pinned = {
        pin.split("==")[0] for pin in pins((REPOSITORY / "envs/requirements.txt").read_text())
    }
    assert named <= pinned


def test_extras_are_pinned_and_reach_whoever_installs_the_package(tmp_path):
    """`pip install encoded-ensembles[notebook]` brings what the notebook needs, and so on."""
    from email import message_from_bytes
    from zipfile import ZipFile

    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tmp_path / name)  # a build leaves files beside its source
    shutil.copytree(closure.PACKAGE, tmp_path / "workflow" / closure.PACKAGE.name)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--wheel-dir", str(tmp_path), str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        (file,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(file))
    modules = {
        f"{path.relative_to(closure.PACKAGE.parent)}" for path in closure.PACKAGE.rglob("*.py")
    }
    assert modules <= set(names)
    assert metadata.get_all("Provides-Extra") == [
        "cluster",
        "kfac",
        "notebook",
        "perceptual",
        "report",
        "slurm",
    ]
    extras = [need for need in metadata.get_all("Requires-Dist") if "extra ==" in need]
    assert len(extras) == 10
    text = "".join(file.read_text() for file in (REPOSITORY / "envs").glob("requirements*.txt"))
    assert {re.split(r"[<>=]", need)[0] for need in extras} <= {
        pin.split("==")[0] for pin in pins(text)
    }


def test_citation_and_archive_metadata_agree():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    archive = json.loads((REPOSITORY / ".zenodo.json").read_text())
    assert citation["version"] == encoded_ensembles.__version__
    assert (citation["title"], citation["license"]) == (archive["title"], archive["license"])
    assert citation["abstract"] == archive["description"]
    assert citation["keywords"] == archive["keywords"]
    assert [each["name"] for each in citation["authors"]] == [
        each["name"] for each in archive["creators"]
    ]
    assert [each["doi"] for each in citation["references"]] == [
        each["identifier"] for each in archive["related_identifiers"]
    ]


def test_every_key_of_the_schema_has_description_and_default_and_refuses_others(schema):
    def walk(part, path):
        for key, child in part["properties"].items():
            assert "description" in child, (*path, key)
            if "properties" in child:
                walk(child, (*path, key))
            else:
                assert "default" in child, (*path, key)
        assert part["additionalProperties"] is False, path

    walk(schema, ())


def test_the_default_configuration_is_that_of_the_schema(schema):
    written = check.check_config(yaml.safe_load((REPOSITORY / "config.yaml").read_text()), schema)
    assert written == check.check_config({}, schema)


def test_presets_are_valid(schema):
    for preset in (REPOSITORY / "presets").glob("*.yaml"):
        check.check_config(yaml.safe_load(preset.read_text()), schema)


def test_every_rule_has_docstring_log_benchmark_and_environment():
    for file in (REPOSITORY / "workflow/rules").glob("*.smk"):
        text = file.read_text()
        assert text.startswith('"""'), file
        for rule in re.split(r"\n\s*(?:rule|checkpoint)(?: \w+)?:", text)[1:]:
            for part in ('"""', "log:", "benchmark:", "conda:", "code=code_digest("):
                assert part in rule, (file.name, rule.split(":")[0], part)
            assert not re.search(r"^\s+(run|message):", rule, re.MULTILINE)
            assert "lambda" not in rule


def test_a_rule_its_verb_and_its_command_file_have_one_name():
    """And the code that makes the rule stale is that of its verb."""
    for name, text in rules().items():
        assert re.search(r"encens ([a-z-]+)", text).group(1) == name.replace("_", "-"), name
        assert f'code=code_digest("{name}")' in text, name
        assert (closure.COMMANDS / f"{name}.py").is_file(), name


def test_rule_files_are_named_like_rooms():
    """A part of a room's rules may have a file of its own; names, checks and options are shared."""
    rooms = {folder.name for folder in closure.PACKAGE.iterdir() if folder.is_dir()}
    for file in (REPOSITORY / "workflow/rules").glob("*.smk"):
        assert file.stem.partition("_")[0] in rooms | {"names", "checks", "options"}, file


def test_import_closure_is_what_python_really_imports():
    """Run a command's imports in a fresh interpreter and compare the modules loaded."""
    for command in ("draw_noise", "split_members", "score_frechet", "plot_samples", "train_member"):
        names = {
            ".".join(path.relative_to(closure.PACKAGE.parent).with_suffix("").parts)
            for path in closure.closure(command)
        }
        load = "; ".join(f"import {name}" for name in sorted(names))
        code = f"import sys; {load}; print(*[m for m in sys.modules if m.startswith('encoded_ensembles.')])"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        packages = {name.rpartition(".")[0] for name in names} | {"encoded_ensembles.data"}
        assert set(done.stdout.split()) - packages == names


def test_training_depends_on_few_modules():
    """Nothing above the room of members, except the splits and what a command is made of."""
    paths = [path.relative_to(closure.PACKAGE) for path in closure.closure("train_member")]
    names = {str(path.with_suffix("")) for path in paths}
    assert len(names) < 30
    others = {name for name in names if name.partition("/")[0] not in ("storage", "members")}
    assert others == {
        "randomness", "progress", "lean_import", "data/images", "codes/splits", "config/closure", "commands/train_member",
        "commands/options/features", "commands/options/files", "commands/options/spread",
        "commands/options/training",
    }  # fmt: skip


def rules():
    """Return the text of each rule by its name."""
    files = sorted((REPOSITORY / "workflow/rules").glob("*.smk"))
    text = "".join(f"{file.read_text()}\n\n\n" for file in files)
    return dict(re.findall(r"\n(?:rule|checkpoint) (\w+):\n(.+?)(?=\n\n\n|\Z)", text, re.DOTALL))


def test_memory_and_time_of_every_rule_grow_with_each_attempt():
    """Issue 14.10: memory is that of the rule, as its configuration asks for."""
    assert len(rules()) > 40
    for name, text in rules().items():
        for resource in (rf'mem_mb=memory\("{name}"\)', r"runtime=growing\("):
            assert re.search(rf"^        {resource}", text, re.MULTILINE), name


def test_the_profiles_group_all_figures():
    assert (REPOSITORY / "slurm").resolve() == REPOSITORY / "workflow/profiles/slurm"
    profile = yaml.safe_load((REPOSITORY / "slurm/config.yaml").read_text())
    figures = {name for name in rules() if name.startswith("plot_")} - {"plot_levels"}
    groups = dict.fromkeys(figures, "figures")
    assert profile["groups"] == groups
    other = yaml.safe_load((REPOSITORY / "cluster/config.yaml").read_text())
    for key in ("groups", "retries"):
        assert other[key] == profile[key], key
    assert profile["group-components"] == dict.fromkeys(groups.values(), 100)  # one after another
    assert other["group-components"] == dict.fromkeys(groups.values(), 4)  # all at once


def test_the_page_on_clusters_without_gpus_names_every_rule_that_asks_for_one():
    named = re.findall(
        r"^  (\w+): \{gpu: 0\}$", (REPOSITORY / "docs/slurm.md").read_text(), re.MULTILINE
    )
    assert sorted(named) == sorted(name for name, text in rules().items() if " gpu=1," in text)


def test_choices_are_those_marked_in_the_code():
    page = (REPOSITORY / "docs/choices.md").read_text()
    files = [*closure.PACKAGE.rglob("*.py"), *(REPOSITORY / "presets").glob("*.yaml")]
    code = "".join(path.read_text() for path in files)
    for kind in ("ASSUME", "DEVIATES"):
        section = page.split(f"## {kind}")[1].split("\n## ")[0]
        listed = {
            title.lower() for title in re.findall(r"^- \*\*(.+?)\.\*\*", section, re.MULTILINE)
        }
        marked = {title.lower() for title in re.findall(rf"# {kind}: (.+?)\.$", code, re.MULTILINE)}
        assert listed == marked
