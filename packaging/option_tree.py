"""The commands and options of the program, as `ec2mpi option-tree` prints them, for write_manual.py and write_completion.py."""

import dataclasses
import json
import re
import subprocess

CHOICES = {"--color": "auto always never", "--relay": "auto always never", "--address": "auto public private ipv6",
           "--slots": "cores threads", "--mpi": "openmpi mpich"}
JOB_COMMANDS = {"attach", "logs", "wait", "cancel", "rm", "report", "profile", "stacks"}


@dataclasses.dataclass
class Option:
    names: list
    positional: bool
    required: bool
    value: str
    variable: str
    heading: str
    help: str

    def __post_init__(self):
        self.value = re.sub(r"^([A-Z]+):.*", r"\1", self.value)  # CLI11 adds the units that a size may have

    @property
    def choices(self):
        """The words of which the value is one, if it is."""
        return next((CHOICES[name].split() for name in self.names if name in CHOICES), [])

    @property
    def kind(self):
        """What completion offers for the value: choices, nodes, node (one), folders or files; nothing for a flag without a value, else other."""
        if self.choices:
            return "choices"
        words = self.value.rstrip(". ")
        return {"NODES": "nodes", "NODE": "node", "FILE": "files", "SRC... DST": "files", "DIR": "folders",
                "": "nothing"}.get(words, "other")


@dataclasses.dataclass
class Command:
    name: str
    heading: str
    help: str
    footer: str
    options: list

    @property
    def flags(self):
        return [option for option in self.options if option.names]

    @property
    def words(self):
        return [option for option in self.options if not option.names]

    @property
    def word_kind(self):
        """What completion offers for the words of the command itself."""
        if self.name in JOB_COMMANDS:
            return "jobs"
        if self.name in ("run", "signal"):
            return {"run": "names", "signal": "signals"}[self.name]
        return self.words[0].kind if self.words else "nothing"


@dataclasses.dataclass
class Tree:
    version: str
    help: str
    options: list
    commands: list


def read_options(options):
    return [Option(**option) for option in options]


def read_tree(program):
    tree = json.loads(subprocess.run([program, "option-tree"], stdout=subprocess.PIPE, check=True).stdout)
    commands = [Command(**(command | {"options": read_options(command["options"])})) for command in tree["commands"]]
    return Tree(tree["version"].splitlines()[0], tree["help"], read_options(tree["options"]), commands)
