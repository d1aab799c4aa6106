"""Writes reference.md: every command with its options, and what a program calls.

python docs/reference.py
"""

import argparse
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import audioset_demo
from audioset_demo import cli, hear
from audioset_demo.storage import write_text
from train import __main__ as train

OUTPUT = Path(__file__).with_name("reference.md")
HEAD = """\
# Reference

Every command with its options, and what a Python program calls. Made by `python docs/reference.py`
from the commands themselves and from docstrings; `--help` and `help()` show the same texts.
"""
HEAR = ("load_model", "get_timestamp_embeddings", "get_scene_embeddings")


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser's commands, and those below them, that take no further command."""
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        yield parser
    for action in below:
        for command in action.choices.values():
            yield from commands(command)


def of_command(parser: argparse.ArgumentParser) -> str:
    formatter = parser._get_formatter()
    rows = [
        f"| {_names(action)} | {_cell(formatter._expand_help(action))} |"
        for action in parser._actions
        if action.help and action.help != argparse.SUPPRESS and action.dest != "help"
    ]
    table = ["| argument | |", "|---|---|", *rows] if rows else ["It takes no arguments."]
    description = _plain(parser.description or "")
    return "\n".join([f"### {parser.prog}", "", description, "", *table, ""])


def _names(action: argparse.Action) -> str:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else "")
    if isinstance(value, tuple):
        value = " ".join(value)
    if not action.option_strings:
        return f"`{value or action.dest}`".replace("|", "\\|")
    takes = "" if action.nargs == 0 else f" {value or action.dest.upper()}"
    more = " ..." if action.nargs in ("+", "*") else ""
    return ", ".join(f"`{name}{takes}{more}`" for name in action.option_strings).replace("|", "\\|")


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """One line a paragraph, of which nothing is taken for HTML."""
    paragraphs = (" ".join(each.split()) for each in re.split(r"\n\s*\n", text.strip()))
    return "\n\n".join(paragraphs).replace("<", "&lt;")


def of_object(name: str, thing: object) -> str:
    if inspect.isclass(thing) and not issubclass(thing, Exception):
        members = [
            (f"{name.rpartition('.')[2]}.{key}", value)
            for key, value in vars(thing).items()
            if not key.startswith("_")
            and (inspect.isfunction(value) or isinstance(value, property))
        ]
        inner = "".join(f"\n**{_signature(key, each)}**\n{_doc(each)}" for key, each in members)
    else:
        inner = ""
    call = f"**{_signature(name, thing)}**\n" if inspect.isfunction(thing) else ""
    return f"### {name}\n\n{call}{_doc(thing)}{inner}\n"


def _signature(name: str, thing: object) -> str:
    if inspect.isfunction(thing):
        parameters = inspect.signature(thing).parameters
        shown = ", ".join(
            key if each.default is each.empty else f"{key}={each.default!r}"
            for key, each in parameters.items()
            if key != "self"
        )
        return f"`{name}({shown})`"
    return f"`{name}`"


def _doc(thing: object) -> str:
    text = inspect.getdoc(thing)
    return f"\n```text\n{text}\n```\n" if text else ""


def reference() -> str:
    parts = [HEAD, "## Commands\n"]
    for parser in (cli.build_parser(), train.build_parser()):
        parts += map(of_command, commands(parser))
    parts.append("## Python\n")
    parts += [
        of_object(f"audioset_demo.{name}", getattr(audioset_demo, name))
        for name in sorted(audioset_demo.__all__, key=lambda name: (name.endswith("Error"), name))
    ]
    parts += [of_object(f"audioset_demo.hear.{name}", getattr(hear, name)) for name in HEAR]
    return "\n".join(parts)


if __name__ == "__main__":
    write_text(OUTPUT, reference())
