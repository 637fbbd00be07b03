#!/usr/bin/env python3
"""Does docs/ec2mpi.schema.json accept what the program accepts? check_schema.py PROGRAM prints the differences; exit 1 if there are any.

It gives the same settings to both: examples/ec2mpi.toml, and every setting with a good value and with values of other types.
The names of the settings are those that the program lists when a name is wrong.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).parent.parent
SCHEMA = json.loads((ROOT / "docs/ec2mpi.schema.json").read_text())
EXAMPLE = (ROOT / "examples/ec2mpi.toml").read_text()
TYPES = {"string": str, "array": list, "object": dict, "boolean": bool, "number": (int, float), "integer": int}
VALUES = ['"text"', '"4"', '"10m"', '"a b"', '"x|y"', '"{n}+1"', '""', "1", "0", "-1", "70000", "2000000000", "0.5", "true",
          '["a", "b"]', '["a", "a"]', "[1, 2]", "[]", '{a = "1"}', "{a = 1}", "{a = 0.5}", "{a = -1}", "{a = [1, 2]}",
          "{a = []}", "{a = {}}", '{"a-b" = "1"}', '{a = {command = "x"}}', '{a = {command = "x", b = 1}}']
WORSE_IN_THE_PROGRAM = {  # what the program calculates or looks up, and a schema cannot
    'np = "10m"', 'per_node = "10m"', 'nodes = "10m"', 'sweep = ""', 'sweep = {a = []}'}


def fits_type(value, name):
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def fits_object(value, schema):
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    names = schema.get("propertyNames", True)
    return (all(name in value for name in schema.get("required", [])) and
            all(fits(name, names) and fits(item, known.get(name, others)) for name, item in value.items()))


def fits(value, schema):
    """The part of JSON Schema that ours uses; a keyword that is unknown here is an error."""
    if isinstance(schema, bool):
        return schema
    unknown = set(schema) - {"$schema", "$defs", "title", "description", "type", "additionalProperties", "properties", "$ref",
                             "anyOf", "pattern", "minimum", "maximum", "exclusiveMinimum", "items", "minItems", "uniqueItems",
                             "required", "propertyNames"}
    assert not unknown, f"keywords that check_schema.py does not know: {unknown}"
    kinds = schema.get("type", [])
    checks = [not kinds or any(fits_type(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)),
              "$ref" not in schema or fits(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]),
              "anyOf" not in schema or any(fits(value, choice) for choice in schema["anyOf"])]
    if isinstance(value, str):
        checks.append(re.search(schema.get("pattern", ""), value) is not None)
    if isinstance(value, (int, float)):
        checks.append(schema.get("minimum", value) <= value <= schema.get("maximum", value))
        checks.append("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
    if isinstance(value, list):
        checks.append(len(value) >= schema.get("minItems", 0) and all(fits(item, schema.get("items", True)) for item in value))
        checks.append(not schema.get("uniqueItems") or len(value) == len(set(map(str, value))))
    if isinstance(value, dict):
        checks.append(fits_object(value, schema))
    return all(checks)


class Reader:
    """The program in a folder with a list; it reads the settings before anything else."""

    def __init__(self, program, folder):
        self.program, self.folder = pathlib.Path(program).resolve(), pathlib.Path(folder)
        (self.folder / "amazon_instances_info").write_text("203.0.113.11\n")

    def refusal(self, text):
        """What the program has to complain of, or nothing."""
        (self.folder / "ec2mpi.toml").write_text(text)
        done = subprocess.run([self.program, "nodes", "--list", "amazon_instances_info"], cwd=self.folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"HOME": str(self.folder)}, check=False)
        return done.stderr if "ec2mpi.toml:" in done.stderr else ""

    def known_names(self, heading):
        return set(re.search(r"known are: (.*)", self.refusal(heading + "no_such_setting = 1\n"))[1].split(", "))


def differences(reader):
    job = SCHEMA["$defs"]["job"]["properties"]
    for heading, ours in (("", SCHEMA["properties"]), ('[jobs.j]\ncommand = "x"\n', job)):
        if reader.known_names(heading) != set(ours):
            yield f"the program knows {reader.known_names(heading)}, the schema {set(ours)}"
        for name in ours:
            for value in VALUES:
                line = f"{name} = {value}"
                text = f"[jobs.j]\n{line}" if name == "command" else heading + line
                complaint = reader.refusal(text + "\n")
                if fits(tomllib.loads(text), SCHEMA) == bool(complaint) and line not in WORSE_IN_THE_PROGRAM:
                    yield f"{text!r}: the schema {'accepts' if complaint else 'refuses'} it, the program: {complaint.strip() or 'accepts it'}"


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        wrong = list(differences(Reader(program, folder)))
    for text in (EXAMPLE, re.sub(r"^# ?(\S+ = |\[)", r"\1", EXAMPLE, flags=re.M)):
        if not fits(tomllib.loads(text), SCHEMA):
            wrong.append("examples/ec2mpi.toml does not fit the schema")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
