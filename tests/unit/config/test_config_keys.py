"""Issue 14.28: every key of the configuration changes what it should: two values, two results.

Three steps from a key to a result, each with a test for all keys:
1. the key shows in the shell line of the rule that owns it (LINES), both with one value and with another;
2. each option of a shell line is used by its command;
3. a key that decides results has a test of two values and two results (RESULTS).
A new key without its lines in tests/config_lines.py fails the first test.
"""

import ast
import inspect
import json
import re
import shutil
from dataclasses import fields
from types import SimpleNamespace

import pytest
import typer
from config_lines import CHANGE_NOTHING, DECIDING, GROUPS, LINES, PART, RESULTS
from encoded_ensembles.cli import application
from encoded_ensembles.commands import train_member
from encoded_ensembles.commands.options import training
from encoded_ensembles.commands.options.sampling import Sampling
from encoded_ensembles.commands.options.training import Training
from encoded_ensembles.ensemble import engine
from encoded_ensembles.features.extractors import INCEPTION
from workspace import REPOSITORY


def leaves(part, path=""):
    """Yield every key of the schema, those of a list's items as list[].key."""
    for key, value in part["properties"].items():
        if "properties" in value:
            yield from leaves(value, f"{path}{key}.")
        elif "properties" in value.get("items", {}):
            yield from leaves(value["items"], f"{path}{key}[].")
        else:
            yield f"{path}{key}"


def named(test):
    """Return the file and the name of a test."""
    file, _, name = test.rpartition("::")
    return REPOSITORY / "tests/unit" / (file or "config/test_config_results.py"), name


def result_of(key):
    """Return the test of two results of a key: the one of its longest known beginning."""
    known = [part for part in RESULTS if key.startswith(part)]
    return RESULTS[max(known, key=len)] if known else None


def test_every_key_is_tested(schema):
    """A new key needs a line in LINES of config_lines.py, and one in RESULTS if it decides results."""
    keys, tested = list(leaves(schema)), [key for line in LINES for key in line.keys.split()]
    assert len(keys) > 80
    assert sorted(tested) == sorted(keys)
    deciding = {key for key in keys if key.partition(".")[0] in DECIDING} - CHANGE_NOTHING
    assert set(keys) >= CHANGE_NOTHING
    assert len(deciding) > 40
    for key in deciding:
        file, name = named(result_of(key))
        assert f"\ndef {name}(" in file.read_text(), key


def test_keys_that_change_nothing_say_so(schema):
    for key in CHANGE_NOTHING:
        part, name = key.split(".")
        said = schema["properties"][part]["properties"][name]["description"].lower()
        assert "changes no result" in said, key


# Step 1: from the key to the shell line.

WILDCARDS = {
    "member": "00", "control": "0", "seen": "0", "model": "0", "set": "s", "scatteritem": "1-of-2",
}  # fmt: skip


def write_members(folder):
    """Write files without content where members that were trained elsewhere would be, as LoRA and as whole networks."""
    (folder / "splits.json").touch()
    for name in [*(f"{member:02d}" for member in range(14)), "full"]:
        (folder / name).mkdir()
        (folder / f"{name}.safetensors").write_text(name)  # no two are the same
        for file in ("config.json", "diffusion_pytorch_model.safetensors"):
            (folder / name / file).write_text(name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the workflow is parsed: the default configuration, and files to be named in it."""
    made = tmp_path_factory.mktemp("parsed")
    shutil.copy(REPOSITORY / "config.yaml", made)
    for name in ("one", "two"):
        (made / name).mkdir()
        (made / name / "0.png").write_bytes(b"")
        write_members(made / name)
        (made / name / INCEPTION).touch()
        (made / f"{name}.csv").write_text("name,a,b\n")
    for package in ("lpips", "open_clip", "timm"):  # the start looks for them, and imports none
        (made / "packages" / package).mkdir(parents=True)
        (made / "packages" / package / "__init__.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(made / "packages")
        yield made


def parsed(config, lines, folder, read=None):
    """Return what the rules of some lines run, as Snakemake reads the workflow; a third of a second."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1), config_settings=ConfigSettings(config=config),
            snakefile=REPOSITORY / "Snakefile", workdir=folder,
        )  # fmt: skip
        # Not public: what is public plans jobs, which takes ten times as long.
        rules = {rule.name: rule for rule in workflow._workflow.rules}
        return [(read or written)(rules.get(line.rule), line.keys) for line in lines]


def written(rule, keys):
    """Return the shell line of a rule and its inputs, as far as the configuration decides them."""
    if rule is None:
        return ""
    use = "frechet" if keys == "frechet.samples" else "landscape"
    network = "retrain/fresh/0/0" if keys == "retrain.seed" else "members/00"
    wildcards = SimpleNamespace(run="toy", use=use, network=network, **WILDCARDS)

    def text(value):
        if callable(value):
            try:
                value = value(wildcards)
            except Exception:  # of inputs that wait for a checkpoint, or of what takes more
                value = ""
        return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    values = {name: text(value) for name, value in rule.params.items()}
    shell = re.sub(r"\{params\.(\w+)(:q)?\}", lambda match: values[match[1]], rule.shellcmd or "")
    return f"{' '.join(shell.split())} {' '.join(map(text, rule.input))} "


def placed(value, folder):
    """Return a value with the folder's name in place of {tmp}."""
    return json.loads(json.dumps(value).replace("{tmp}", str(folder)))


def with_keys(config, lines, which, folder):
    """Return a configuration with one of the two values of each key."""
    config = json.loads(json.dumps(config))
    for line in lines:
        *above, last = line.keys.split("[]")[0].split(".")
        place = config
        for key in above:
            place = place.setdefault(key, {})
        place[last] = placed(line.pair[which], folder)
    return config


@pytest.mark.parametrize("group", GROUPS)
def test_keys_show_in_the_shell_lines_of_their_rules(group, folder):
    """All keys of a group change at once; each must show in the line of its own rule."""
    lines = [line for line in LINES if line.group == group]
    first, second = (
        parsed(with_keys(GROUPS[group], lines, which, folder), lines, folder) for which in (0, 1)
    )
    for line, *found in zip(lines, first, second, strict=True):
        texts = line.shown if isinstance(line.shown, tuple) else (line.shown,) * 2
        shown = [
            None if text is None else placed(text, folder).replace("{}", str(placed(value, folder)))
            for text, value in zip(texts, line.pair, strict=True)
        ]
        for text, here, other in zip(shown, found, reversed(found), strict=True):
            assert text is None or text in here, (line.keys, here)
            assert text is None or text not in other or line.keys in PART, (line.keys, other)


@pytest.mark.parametrize("key", ["size", "border"])
def test_prompts_are_encoded_again_for_pictures_of_another_size(key, folder):
    """SDXL is told the size of pictures with their border; the data are an ancient input of the rule."""
    lines = [line for line in LINES if line.keys == "sampling.prompts"]
    config, pair = GROUPS["text"], []
    for value in (8, 16):
        changed = config | {"dataset": config["dataset"] | {key: value}}
        pair += parsed(changed, lines, folder, lambda rule, keys: dict(rule.params.items()))
    assert [each[key] for each in pair] == [8, 16]


# Step 2: from the option to the command.


def test_every_option_is_used_by_its_command():
    """A parameter that a function does not read would be an option that changes nothing."""
    unread, seen = [], 0
    for verb, command in typer.main.get_command(application()).commands.items():
        function = inspect.unwrap(command.callback)
        tree = ast.parse(inspect.getsource(function))
        read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        own = set(inspect.signature(function).parameters)
        seen += len(own)
        unread += [(verb, name) for name in own - read]
    assert seen > 300
    assert not unread


def test_every_option_that_verbs_share_is_used():
    text = inspect.getsource(training) + inspect.getsource(train_member)
    read = set(re.findall(r"(?:self|training)\.(\w+)", text))
    assert {field.name for field in fields(Training)} <= read
    tree = ast.parse(inspect.getsource(engine.prepare))
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert {field.name for field in fields(Sampling)} <= read
