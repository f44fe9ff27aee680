"""Pages of the site that are written anew at each build, so that they cannot drift.

A hook of MkDocs (mkdocs.yml): the configuration's page comes from its schema, the command line's from
the code, the notebook's from the executed notebook.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from encoded_ensembles.config.check import expected
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

SCHEMA = Path(__file__).parent.parent / "workflow/schemas/config.schema.yaml"
EXAMPLE = Path(__file__).parent / "example.ipynb"
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
    text, pictures = notebook()
    files.append(File.generated(config, "notebook.md", content=text))
    for name, content in pictures.items():
        files.append(File.generated(config, name, content=content))
    return files


def configuration() -> str:
    """Return the page of all keys of the configuration, in Markdown."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    groups = {key: part for key, part in schema["properties"].items() if part["type"] == "object"}
    single = {key: part for key, part in schema["properties"].items() if key not in groups}
    page = [CONFIGURATION, *listed(single.items())]
    for key, part in groups.items():
        page += [f"\n## {key}\n", f"{part['description']}\n", *listed(keys(part, f"{key}."))]
    return "\n".join(page) + "\n"


def keys(part: dict[str, Any], path: str) -> Iterator[Key]:
    """Yield every key below a part of the schema with its own part, deepest included."""
    for name, child in part.get("properties", {}).items():
        if "properties" not in child:
            yield f"{path}{name}", child
        yield from keys(child, f"{path}{name}.")
        yield from keys(child.get("items", {}), f"{path}{name}[].")


def listed(rows: Iterable[Key]) -> Iterator[str]:
    """Yield the lines of a list of keys; each can be linked to by its name."""
    for key, part in rows:
        yield f'<span id="{key}"></span>**`{key}`** · {values(part)} · {default(part)}'
        yield f":   {part['description']}\n"


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
        return "needed"
    return f"default `{yaml.safe_dump(part['default'], default_flow_style=True).splitlines()[0]}`"


def commands() -> str:
    """Return the page of all verbs and their options, in Markdown."""
    import typer
    from encoded_ensembles.cli import application
    from typer.cli import get_docs_for_click

    command = typer.main.get_command(application())
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="encens")
    text = re.sub(r"^\* `--help`.*\n", "", text, flags=re.MULTILINE)
    for verb, part in command.commands.items():
        first = part.help.partition("\n")[0]
        entry = f"* [`{verb}`](#encens-{verb}): {first}"
        text = re.sub(rf"^\* `{verb}`:.*$", entry, text, flags=re.MULTILINE)
    return COMMANDS + text


def notebook() -> tuple[str, dict[str, bytes]]:
    """Return the executed example notebook in Markdown, and its pictures by name."""
    import nbformat
    from nbconvert import MarkdownExporter

    opened = nbformat.read(EXAMPLE, as_version=4)
    text, resources = MarkdownExporter().from_notebook_node(opened)
    return text, resources["outputs"]


def with_links(text: str) -> str:
    """Turn names of pages, as in docs/codes.md, into links from the folder reference/."""
    return re.sub(r"(?<![\w/])docs/([\w/-]+)\.md", r"[\1](../\1.md)", text)
