"""ips and nodes: what the list says, and nodeIPaddress. No network is needed for either."""

import json
import os

import pytest

from local_cluster import LIST

PASTE = """web – 1\ti-0aaaaaaaaaaaaaaa1\tc5n.18xlarge\t203.0.113.11\t2021/06/01 10:00 GMT-7
–\ti-0aaaaaaaaaaaaaaa2\tc5n.large\t203.0.113.12\t2021/06/01 10:01 GMT-7
–\ti-0aaaaaaaaaaaaaaa3\tc5n.large\t203.0.113.13\t2021/06/01 10:02 GMT-7
"""
ADDRESSES = "203.0.113.11\n203.0.113.12\n203.0.113.13\n"


@pytest.fixture
def laptop(offline):
    (offline.folder / LIST).write_text(PASTE)
    return offline


def test_ips_prints_the_addresses_and_writes_them_to_node_ip_address(laptop):
    done = laptop("ips")
    assert (done.out, done.err, done.code) == (ADDRESSES, "", 0)
    written = laptop.folder / "nodeIPaddress"
    assert written.read_text() == ADDRESSES
    assert written.stat().st_mode & 0o777 == 0o644
    assert laptop.files() == [".ec2mpi", ".ec2mpi/lists", f".ec2mpi/lists/{LIST}", LIST, "nodeIPaddress"]


def test_ips_takes_the_list_as_an_argument_and_writes_into_the_working_folder(laptop):
    folder = laptop.folder / "other"
    folder.mkdir()
    (folder / "hosts.txt").write_text("head.example.com\n203.0.113.9\n")
    done = laptop("ips", "other/hosts.txt")
    assert (done.out, done.code) == ("head.example.com\n203.0.113.9\n", 0)
    assert (laptop.folder / "nodeIPaddress").read_text() == done.out
    assert not (folder / "nodeIPaddress").exists()


def test_ips_of_standard_input_prints_where_it_cannot_write(laptop):
    (laptop.folder / "nodeIPaddress").mkdir()
    done = laptop("ips", "-", input="203.0.113.11\n203.0.113.12\n")
    assert (done.out, done.code) == ("203.0.113.11\n203.0.113.12\n", 0)
    assert "nodeIPaddress" in done.err


def test_a_machine_that_does_not_run_is_named_without_an_instance_id(laptop):
    (laptop.folder / LIST).write_text("Name,Public IP,State\na,203.0.113.11,running\nb,203.0.113.12,stopped\n")
    done = laptop("ips")
    assert (done.out, done.code) == ("203.0.113.11\n", 0) and ":3: b is left out: stopped" in done.err


def test_node_ip_address_is_replaced_in_one_step(laptop):
    written = laptop.folder / "nodeIPaddress"
    written.write_text("old\n")
    with open(written) as old:
        assert laptop("ips").code == 0
        assert old.read() == "old\n", "who has the old file open keeps all of it"
    assert written.read_text() == ADDRESSES


def test_a_failure_to_write_leaves_the_old_file_and_no_other(laptop):
    written = laptop.folder / "nodeIPaddress"
    written.mkdir()
    (written / "in the way").touch()
    done = laptop("ips")
    assert (done.out, done.code) == ("", 2) and "nodeIPaddress" in done.err and done.err.count("\n") == 1
    assert laptop.files() == [LIST, "nodeIPaddress", "nodeIPaddress/in the way"]


def test_a_bad_list_leaves_node_ip_address_as_it_was(laptop):
    (laptop.folder / "nodeIPaddress").write_text("old\n")
    (laptop.folder / LIST).write_text(PASTE + "<html>\n")
    assert laptop("ips").code == 2
    assert (laptop.folder / "nodeIPaddress").read_text() == "old\n"


def test_node_ip_address_serves_as_the_list_where_there_is_no_other(laptop):
    assert laptop("ips").code == 0
    os.remove(laptop.folder / LIST)
    done = laptop("ips")
    assert (done.out, done.code) == (ADDRESSES, 0)


def test_lines_with_carriage_returns_and_a_byte_order_mark(laptop):
    (laptop.folder / LIST).write_bytes(b"\xef\xbb\xbf" + PASTE.replace("\n", "\r\n").encode())
    assert laptop("ips").out == ADDRESSES


def test_a_node_that_stands_twice_is_said_and_not_hidden(laptop):
    (laptop.folder / LIST).write_text(PASTE + PASTE.splitlines()[1] + "\n")
    done = laptop("ips")
    assert (done.out, done.code) == (ADDRESSES, 0)
    assert done.err.startswith("ec2mpi: ") and "line 4" in done.err


def test_nodes_is_a_table_in_the_lists_order(laptop):
    done = laptop("nodes")
    assert (done.err, done.code) == ("", 0)
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0] == ["INDEX", "ROLE", "NAME", "ID", "TYPE", "ADDRESS", "LAUNCHED", "UP"]
    assert rows[1][:2] == ["1", "master"] and rows[1][-7:-4] == ["2021/06/01", "10:00", "GMT-7"]
    assert rows[2][:9] == ["2", "worker", "-", "i-0aaaaaaaaaaaaaaa2", "c5n.large", "203.0.113.12", "2021/06/01", "10:01",
                           "GMT-7"]
    assert int(rows[2][9]) > 1900 and rows[2][10] == "d"  # days since 2021
    assert len(rows) == 4


def test_nodes_as_json(laptop):
    done = laptop("nodes", "--json")
    assert (done.err, done.code) == ("", 0)
    nodes = json.loads(done.out)
    assert [node["index"] for node in nodes] == [1, 2, 3]
    assert [node["role"] for node in nodes] == ["master", "worker", "worker"]
    assert nodes[0]["name"] == "web – 1" and nodes[1]["name"] == ""
    assert nodes[1] | {"launched": None, "up_seconds": None} == {
        "index": 2, "node": "node2", "role": "worker", "name": "", "id": "i-0aaaaaaaaaaaaaaa2", "type": "c5n.large",
        "address": "203.0.113.12", "public_address": "203.0.113.12", "private_address": "", "ipv6": "", "launched": None,
        "up_seconds": None}


def test_nodes_of_a_selection_keep_their_index(laptop):
    assert [n["index"] for n in json.loads(laptop("nodes", "--json", "-w", "workers", "-x", "2").out)] == [3]
    assert [n["index"] for n in json.loads(laptop("nodes", "--json", "-w", "type=c5n.large,master").out)] == [1, 2, 3]


def test_groups_and_the_list_come_from_the_settings(laptop):
    (laptop.folder / LIST).rename(laptop.folder / "my_list")
    (laptop.folder / "ec2mpi.toml").write_text('list = "my_list"\n[groups]\nsmall = "type=c5n.large"\n')
    assert [n["index"] for n in json.loads(laptop("nodes", "--json", "-w", "@small").out)] == [2, 3]


def test_a_flag_is_stronger_than_the_environment_and_that_than_the_settings(laptop):
    for name, address in (("flag", "203.0.113.21"), ("variable", "203.0.113.22"), ("setting", "203.0.113.23")):
        (laptop.folder / name).write_text(address + "\n")
    (laptop.folder / "ec2mpi.toml").write_text('list = "setting"\n')
    variable = {"EC2MPI_LIST": "variable"}
    assert laptop("ips", "--list", "flag", env=variable).out == "203.0.113.21\n"
    assert laptop("ips", env=variable).out == "203.0.113.22\n"
    assert laptop("ips").out == "203.0.113.23\n"


def test_help_and_version_go_to_standard_output(laptop):
    for words in (["--help"], ["exec-all", "--help"], ["--version"]):
        done = laptop(*words)
        assert (done.err, done.code) == ("", 0) and "ec2mpi" in done.out
