#!/usr/bin/env python3
"""Writes the man pages ec2mpi(1) and ec2mpi.toml(5): write_manual.py PROGRAM SCHEMA FOLDER

The first is made of the program's own options, the second of the JSON schema of ec2mpi.toml.
"""

import json
import pathlib
import re
import sys

from option_tree import read_tree

EXIT_STATUS = [("0", "every selected node did it"), ("1", "some node did not; the report names it"),
               ("2", "nothing was started: a wrong option, a list that cannot be read, an empty selection"),
               ("70", "a bug in ec2mpi"), ("124", "a time limit ended the command"),
               ("129, 130, 143", "the terminal was closed, Ctrl-C, or a signal ended the command"),
               ("141", "the program that reads the output has ended"),
               ("255", "run, login, or exec on one node: it could not be reached; otherwise these have the status of the program there")]
FILES = [("amazon_instances_info", "The list of instances, as pasted from the EC2 console."),
         ("*.pem", "The private key, if it is the only one beside the list."),
         ("ec2mpi.toml", "Settings and jobs of this folder; see ec2mpi.toml(5)."),
         ("~/.config/ec2mpi/config.toml", "Settings for all folders, in the same form."),
         ("run_NAME.sh", "A script that ec2mpi run NAME starts on the master."),
         (".ec2mpi/", "What ec2mpi remembers of the list: host keys, indices, nodes that failed.")]


def escape(text):
    """Text for roff: - is a minus that can be copied, and no line begins a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("…", "...").replace("·", "\\(bu")
    return re.sub(r"^\.", r"\\&.", text, flags=re.M)


def bold(text):
    return f"\\fB{escape(text)}\\fR"


def italic(text):
    return f"\\fI{escape(text)}\\fR"


def sentence(text):
    return escape(text if text.endswith((".", "?", "]", ")")) else text + ".")


def item(title, text):
    return [".TP", title, text]


def option_item(option):
    value = f" {italic(option.value)}" if option.value else ""
    variable = f" Variable: {bold(option.variable)}." if option.variable else ""
    return item(", ".join(map(bold, option.names)) + value, sentence(option.help) + variable)


def synopsis(command):
    words = " ".join(italic(word.value) if word.required else f"[{italic(word.value)}]" for word in command.words)
    return f"{bold('ec2mpi ' + command.name)} [{italic('options')}] {words}".rstrip()


def is_shared(option, tree):
    """Whether the option stands under a heading that many commands have, such as `Connections`."""
    users = sum(any(other.names == option.names and other.heading == option.heading for other in command.flags)
                for command in tree.commands)
    return option.heading != "Options" and users > 2


def command_part(command, tree):
    lines = [f".SS {escape(command.name)}", synopsis(command), ".PP", sentence(command.help)]
    for word in command.words:
        lines += item(italic(word.value), sentence(word.help))
    for option in command.flags:
        if not is_shared(option, tree) and "--help" not in option.names:
            lines += option_item(option)
    headings = dict.fromkeys(option.heading for option in command.flags if is_shared(option, tree))
    if headings:
        lines += [".PP", "Also takes the options under " + ", ".join(italic(name) for name in headings) + "."]
    return lines + [".PP", ".nf", escape(command.footer), ".fi"]


def shared_options(tree):
    """By heading; an option that differs between commands is listed once for each help text."""
    shared = {}
    for command in tree.commands:
        for option in command.flags:
            if is_shared(option, tree):
                shared.setdefault(option.heading, {}).setdefault((tuple(option.names), option.help), option)
    return shared


def main_page(tree):
    about, *examples = tree.help.split("\n")
    lines = [f'.TH EC2MPI 1 "" "{tree.version}" "User commands"', ".SH NAME",
             "ec2mpi \\- turn a list of Amazon EC2 instances into an MPI cluster and run MPI jobs on it", ".SH SYNOPSIS",
             f"{bold('ec2mpi')} {italic('command')} [{italic('options')}] [{italic('words')}]", ".SH DESCRIPTION",
             escape(about), ".PP", ".nf", escape("\n".join(examples)), ".fi", ".SH GENERAL OPTIONS"]
    for option in tree.options:
        lines += option_item(option)
    heading = None
    for command in tree.commands:
        if command.heading != heading:
            heading = command.heading
            lines.append(f".SH COMMANDS: {escape(heading.upper())}")
        lines += command_part(command, tree)
    for title, options in shared_options(tree).items():
        lines.append(f".SH OPTIONS: {escape(title.upper())}")
        for option in options.values():
            lines += option_item(option)
    for title, rows in (("EXIT STATUS", EXIT_STATUS), ("FILES", FILES)):
        lines.append(f".SH {title}")
        for name, text in rows:
            lines += item(bold(name), sentence(text))
    return lines + [".SH SEE ALSO", ".BR ec2mpi.toml (5),", ".BR mpirun (1),", ".BR ssh (1)"]


def type_name(schema, definitions):
    if "$ref" in schema:
        return type_name(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_name(choice, definitions) for choice in schema["anyOf"]))
    kind = schema.get("type", "value")
    if isinstance(kind, list):
        return "text, number or boolean"
    return {"string": "text", "boolean": "true or false", "integer": "whole number", "number": "number", "object": "table",
            "array": "list"}[kind]


def settings(schema, definitions):
    lines = []
    for name, setting in schema["properties"].items():
        lines += item(f"{bold(name)} ({type_name(setting, definitions)})", sentence(setting["description"]))
    return lines


def settings_page(schema, version, example):
    definitions = schema["$defs"]
    return [f'.TH EC2MPI.TOML 5 "" "{version}" "File formats"', ".SH NAME", "ec2mpi.toml \\- settings and jobs of ec2mpi",
            ".SH DESCRIPTION", sentence(schema["description"]), ".PP",
            "The file is in the format TOML. A setting that is not listed here is an error. Read the file of another "
            "person before you use it, because its commands run on your nodes.", ".SH SETTINGS",
            *settings(schema, definitions), ".SH SETTINGS OF A JOB", sentence(definitions["job"]["description"]),
            *settings(definitions["job"], definitions), ".SH EXAMPLE", ".nf", escape(example.rstrip()), ".fi",
            ".SH SEE ALSO", ".BR ec2mpi (1)"]


def main(program, schema, folder):
    tree, folder, schema = read_tree(program), pathlib.Path(folder), pathlib.Path(schema)
    example = (schema.parent.parent / "examples/ec2mpi.toml").read_text()
    pages = {"ec2mpi.1": main_page(tree),
             "ec2mpi.toml.5": settings_page(json.loads(schema.read_text()), tree.version, example)}
    for name, lines in pages.items():
        (folder / name).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
