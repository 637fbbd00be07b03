"""Each of the rules of check_includes.py catches a file that breaks it, and lets a good one pass."""

import pathlib
import subprocess
import sys

import pytest

CHECK = pathlib.Path(__file__).with_name("check_includes.py")

GOOD = {
    "include/ec2mpi/base/text.hpp": "#pragma once\n#include <string>\n",
    "include/ec2mpi/ssh/transport.hpp": '#pragma once\n#include "ec2mpi/base/text.hpp"\n',
    "src/base/text.cpp": '#include "ec2mpi/base/text.hpp"\n\n#include <cstdio>  // printf( of ssh/transport.hpp\nint n = snprintf(0, 0, "");\n',
    "src/ssh/libssh/link.hpp": "#pragma once\n#include <libssh/libssh.h>\nstruct Lane;\n",
    "src/ssh/libssh/lane.hpp": "#pragma once\nstruct Lane {\n};\ninline constexpr int kWidth = 1;\n",
    "src/fleet/lane.hpp": "#pragma once\nstruct Lane {\n};\n",
    "src/ssh/libssh/link.cpp": '#include "src/ssh/libssh/link.hpp"\n\n#include "ec2mpi/ssh/transport.hpp"\n',
    "src/cli/commands/ips.cpp": '#include <CLI/CLI.hpp>\n#include "ec2mpi/ssh/transport.hpp"\nvoid f() { fmt::print("x"); }\n',
    "src/main.cpp": '#include "ec2mpi/cli/app.hpp"\n',
}

TIED = {
    "src/fleet/a.hpp": '#include "src/fleet/b.hpp"\n',
    "src/fleet/b.cpp": '#include "src/fleet/b.hpp"\n\n#include "src/fleet/c.hpp"\n',
    "src/fleet/b.hpp": "\n",
}

BAD = [
    ("src/base/text.cpp", '#include "ec2mpi/base/text.hpp"\n#include "ec2mpi/ssh/transport.hpp"\n', "base must not know ssh"),
    ("include/ec2mpi/ssh/x.hpp", '#include "ec2mpi/fleet/fleet.hpp"\n', "ssh must not know fleet"),
    ("src/ops/push/x.cpp", '#include "ec2mpi/cli/terminal/console.hpp"\n', "ops/push must not know cli/terminal"),
    ("src/ops/push/x.cpp", '#include "ec2mpi/ops/pull/pull.hpp"\n', "ops/push must not know ops/pull"),
    ("src/cloud/x.cpp", '#include "ec2mpi/ssh/transport.hpp"\n', "cloud must not know ssh"),
    ("src/fleet/x.cpp", '#include "src/ssh/libssh/link.hpp"\n', "private to src/ssh/libssh"),
    ("src/ssh/x.cpp", '#include "src/ssh/libssh/link.hpp"\n', "private to src/ssh/libssh"),
    ("include/ec2mpi/ssh/libssh/x.hpp", '#include "src/ssh/libssh/link.hpp"\n', "is private, and this is a door"),
    ("src/fleet/x.cpp", "#include <libssh/libssh.h>\n", "belongs to ssh ssh/libssh only"),
    ("include/ec2mpi/ssh/libssh/x.hpp", "#include <libssh/libssh.h>\n", "in a door"),
    ("src/ops/exec/x.cpp", "#include <CLI/CLI.hpp>\n", "belongs to cli"),
    ("include/ec2mpi/cli/session/x.hpp", "#include <CLI/CLI.hpp>\n", "in a door"),
    ("src/ssh/x.cpp", "#include <curl/curl.h>\n", "belongs to cloud only"),
    ("src/cli/views/x.cpp", "#include <toml++/toml.h>\n", "belongs to cluster only"),
    ("src/cluster/x.cpp", "#include <spdlog/spdlog.h>\n", "belongs to"),
    ("src/ops/exec/x.cpp", 'void f() { fmt::print("x"); }\n', "only cli writes to the terminal"),
    ("src/ssh/x.cpp", "void f() { std::cout << 1; }\n", "only cli writes to the terminal"),
    ("src/fleet/x.cpp", 'void f() { ::printf("x"); }\n', "only cli writes to the terminal"),
    ("src/base/x.cpp", "#include <iostream>\n", "only cli writes to the terminal"),
    ("src/base/text.cpp", '#include <string>\n#include "ec2mpi/base/text.hpp"\n', "its own header, first"),
    ("src/ssh/libssh/link.cpp", "#include <string>\n", "its own header, first"),
    ("src/other/x.cpp", "\n", "lies in no room"),
    ("src/ops/x.cpp", "\n", "lies in no room"),
    ("src/cli/commands/x.cpp", '#include "app.hpp"\n', "must be written as"),
    ("src/main.cpp", '#include "ec2mpi/ops/exec/exec.hpp"\n', "main only calls"),
    ("include/ec2mpi/fleet/x.hpp", "#pragma once\n", "no other room includes it"),
    ("src/ssh/other.hpp", "struct Lane final {\n};\n", "src/ssh/libssh/lane.hpp defines a Lane too"),
    ("src/ssh/other.hpp", "inline constexpr int kWidth = 2;\n", "src/ssh/libssh/lane.hpp defines a kWidth too"),
    ("src/base/x.cpp", "int n;  ///< see src/base/gone.hpp\n", "src/base/gone.hpp is not there"),
]


def check(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_good_code_passes(tmp_path):
    assert check(tmp_path, GOOD) == (0, "")


def test_an_empty_folder_is_not_good_code(tmp_path):
    code, said = check(tmp_path, {})
    assert code != 0 and "no sources" in said


@pytest.mark.parametrize("name, text, complaint", BAD, ids=[f"{b[0]}-{b[2]}" for b in BAD])
def test_a_wrong_file_is_found(tmp_path, name, text, complaint):
    code, said = check(tmp_path, GOOD | {name: text})
    assert code == 1
    assert said.startswith(f"{name}:") and complaint in said


def test_units_that_include_each_other_are_found(tmp_path):
    assert check(tmp_path, GOOD | TIED | {"src/fleet/c.hpp": "\n"}) == (0, "")
    code, said = check(tmp_path, GOOD | TIED | {"src/fleet/c.hpp": '#include "src/fleet/a.hpp"\n'})
    assert (code, said) == (1, "fleet/a fleet/b fleet/c: these units include each other\n")


def test_the_rooms_are_shown_with_doors_and_arrows(tmp_path):
    check(tmp_path, GOOD)
    shown = subprocess.run([sys.executable, CHECK, "--show", tmp_path], capture_output=True, text=True).stdout
    assert "ssh/libssh        2 units -> ssh" in shown and "doors: transport" in shown
