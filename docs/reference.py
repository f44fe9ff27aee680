"""Pages of the site that are written anew at each build, so that they cannot drift.

A hook of MkDocs (mkdocs.yml): the configuration's page comes from its schema, the command line's from
the code.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from encoded_ensembles.config import expected
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

SCHEMA = Path(__file__).parent.parent / "workflow/schemas/config.schema.yaml"
Key = tuple[str, dict[str, Any]]

CONFIGURATION = """# Configuration

A run is one YAML file, checked against `workflow/schemas/config.schema.yaml`, from which this page is made. A key that is
not named has its default; a key that is not known, or a value out of range, is refused in one sentence. Given files are laid
over `config.yaml` and over each other:

    snakemake --cores all --configfile presets/mnist5k.yaml mine.yaml --config run=other

`config.yaml` is the default run; `presets/` holds others.
"""
COMMANDS = """# Command line

`encens VERB` is one step of the pipeline by hand; each rule of the workflow runs one. This page is made from the code.
`encens VERB --help` says the same in the terminal. A mistake ends in one sentence and exit code 1.

"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for name, text in (("configuration", configuration()), ("commands", commands())):
        uri = f"reference/{name}.md"
        files.append(File.generated(config, uri, content=with_links(text)))
    return files


def configuration() -> str:
    """Return the page of all keys of the configuration, in Markdown."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    groups = {
        key: part for key, part in schema["properties"].items() if part["type"] == "object"
    }
    single = {key: part for key, part in schema["properties"].items() if key not in groups}
    page = [CONFIGURATION, *table((key, part) for key, part in single.items())]
    for key, part in groups.items():
        page += [f"\n## {key}\n", f"{part['description']}\n", *table(keys(part, f"{key}."))]
    return "\n".join(page) + "\n"


def keys(part: dict[str, Any], path: str) -> Iterator[Key]:
    """Yield every key below a part of the schema with its own part, deepest included."""
    for name, child in part.get("properties", {}).items():
        if "properties" not in child:
            yield f"{path}{name}", child
        yield from keys(child, f"{path}{name}.")
        yield from keys(child.get("items", {}), f"{path}{name}[].")


def table(rows: Iterator[Key]) -> Iterator[str]:
    """Yield the lines of a table of keys; each row can be linked to by its key."""
    yield "| key | meaning | values | default |"
    yield "|---|---|---|---|"
    for key, part in rows:
        cells = (f'<span id="{key}"></span>`{key}`', part["description"], values(part), default(part))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def values(part: dict[str, Any]) -> str:
    """Say in words which values a key may have."""
    if "pattern" in part:
        return f"text matching `{part['pattern']}`"
    if isinstance(named := part.get("additionalProperties"), dict):
        return f"names of yours, for each {expected(named)}"
    return expected(part)


def default(part: dict[str, Any]) -> str:
    """Write the default of a key as YAML."""
    if "default" not in part:
        return "none, has to be given"
    return f"`{yaml.safe_dump(part['default'], default_flow_style=True).splitlines()[0]}`"


def commands() -> str:
    """Return the page of all verbs and their options, in Markdown."""
    import typer
    from encoded_ensembles.cli import app
    from typer.cli import get_docs_for_click

    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="encens")
    text = re.sub(r"^\* `--help`.*\n", "", text, flags=re.MULTILINE)
    return COMMANDS + text


def with_links(text: str) -> str:
    """Turn names of pages, as in docs/codes.md, into links from the folder reference/."""
    return re.sub(r"(?<![\w/])docs/([\w/-]+)\.md", r"[\1](../\1.md)", text)
