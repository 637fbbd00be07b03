#!/usr/bin/env python3
"""Writes the completions for bash, zsh and fish: write_completion.py PROGRAM FOLDER

Each consists of the shell's part in packaging/completion/ and of tables that are made of the program's own options.
"""

import pathlib
import re
import sys

from option_tree import read_tree

PARTS = pathlib.Path(__file__).parent / "completion"


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def short(text):
    """The first part of a help text: completions have one line for it."""
    return re.split(r"[;\n]| \[|: ", text)[0]


def kind_of(option):
    return " ".join(["choices", *option.choices]) if option.choices else option.kind


# bash

def bash_case(word, branches):
    return [f"  case {word} in", *(f"    {pattern}) {body} ;;" for pattern, body in branches), "  esac"]


def bash_values(options):
    branches = [("|".join(option.names), f"echo {quoted(kind_of(option))}") for option in options if kind_of(option) != "nothing"]
    return "case $2 in " + " ".join(f"{pattern}) {body} ;;" for pattern, body in branches) + " esac"


def bash_lines(words):
    return "printf '%s\\n' " + " ".join(words)


def bash_table(name, branches):
    return [f"{name}() {{", *bash_case("$1", branches), "}"]


def bash(tree):
    shared = tree.options
    names = {command.name: [name for option in [*command.flags, *shared] for name in option.names] for command in tree.commands}
    lines = ["_ec2mpi_commands() {", "  " + bash_lines(names), "}"]
    lines += bash_table("_ec2mpi_flags", [*((name, bash_lines(dict.fromkeys(flags))) for name, flags in names.items()),
                                          ("*", bash_lines(name for option in shared for name in option.names))])
    lines += bash_table("_ec2mpi_value", [*((command.name, bash_values([*command.flags, *shared])) for command in tree.commands),
                                          ("*", bash_values(shared))])
    lines += bash_table("_ec2mpi_words", [*((command.name, f"echo {command.word_kind}") for command in tree.commands), ("help", "echo commands")])
    return "\n".join(lines) + "\n" + (PARTS / "ec2mpi.bash").read_text()


# zsh

def zsh_text(text):
    return re.sub(r"([\[\]:\\])", r"\\\1", short(text)).replace("'", "'\\''")


def zsh_action(kind):
    return {"nodes": "_ec2mpi_nodes", "node": "_ec2mpi_node", "names": "_ec2mpi_names", "jobs": "_ec2mpi_jobs",
            "signals": "_ec2mpi_signals", "files": "_files",
            "folders": "_files -/"}.get(kind, " ")


def zsh_flag(option):
    """A flag for _arguments: '*-w[help]:NODES:_ec2mpi_nodes', once for each of its names."""
    action = f"({' '.join(option.choices)})" if option.choices else zsh_action(option.kind)
    value = "" if option.kind == "nothing" else f":{zsh_text(option.value)}:{action}"
    return " ".join(f"'*{name}[{zsh_text(option.help)}]{value}'" for name in option.names)


def zsh(tree):
    lines = ["#compdef ec2mpi", "typeset -ga _ec2mpi_commands=("]
    lines += [f"  '{command.name}:{zsh_text(command.help)}'" for command in tree.commands]
    lines += [")", "_ec2mpi_arguments() {", "  case $1 in"]
    for command in tree.commands:
        word = f"'*:word:{zsh_action(command.word_kind)}'"
        lines.append(f"    {command.name}) _arguments -S " +
                     " ".join([*map(zsh_flag, [*command.flags, *tree.options[1:]]), "'1: :'", word]) + " ;;")
    lines.append("    help) _arguments '1: :' '2:command:{_describe -t commands command _ec2mpi_commands}' ;;")
    lines.append("    *) _arguments -C -S " + " ".join(map(zsh_flag, tree.options)) + " '1:command:->command' '*::word:->words' ;;")
    return "\n".join([*lines, "  esac", "}"]) + "\n" + (PARTS / "_ec2mpi").read_text()


# fish

def fish_flag(option, condition):
    names = " ".join(f"-s {name[1:]}" if not name.startswith("--") else f"-l {name[2:]}" for name in option.names)
    values = {"choices": f"-x -a {quoted(' '.join(option.choices))}", "nodes": "-x -a '(__ec2mpi_nodes)'", "files": "-r -F",
              "folders": "-x -a '(__fish_complete_directories)'", "nothing": ""}.get(option.kind, "-x")
    return f"complete -c ec2mpi {condition} {names} {values} -d {quoted(short(option.help))}"


def fish(tree):
    lines = [fish_flag(option, "") for option in tree.options]
    for command in tree.commands:
        lines.append(f"complete -c ec2mpi -n __fish_use_subcommand -a {command.name} -d {quoted(short(command.help))}")
        condition = f"-n '__fish_seen_subcommand_from {command.name}'"
        words = {"nodes": "-a '(__ec2mpi_nodes)'", "node": "-a '(__ec2mpi_node)'", "names": "-a '(__ec2mpi_names)'",
                 "jobs": "-a '(__ec2mpi_jobs)'", "signals": "-a '(__ec2mpi_signals)'", "files": "-F"}.get(command.word_kind)
        if words:
            lines.append(f"complete -c ec2mpi {condition} {words}")
        lines += [fish_flag(option, condition) for option in command.flags if "--help" not in option.names]
    names = quoted(" ".join(command.name for command in tree.commands))
    lines.append(f"complete -c ec2mpi -n '__fish_seen_subcommand_from help' -a {names}")
    return (PARTS / "ec2mpi.fish").read_text() + "\n".join(lines) + "\n"


def main(program, folder):
    tree, folder = read_tree(program), pathlib.Path(folder)
    for name, text in (("ec2mpi.bash", bash(tree)), ("_ec2mpi", zsh(tree)), ("ec2mpi.fish", fish(tree))):
        (folder / name).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
