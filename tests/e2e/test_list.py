"""ips and nodes: what the list says, and nodeIPaddress. No network is needed for either."""

import json

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


def test_lines_with_carriage_returns_and_a_byte_order_mark(laptop):
    (laptop.folder / LIST).write_bytes(b"\xef\xbb\xbf" + PASTE.replace("\n", "\r\n").encode())
    assert laptop("ips").out == ADDRESSES


def test_groups_and_the_list_come_from_the_settings(laptop):
    (laptop.folder / LIST).rename(laptop.folder / "my_list")
    (laptop.folder / "ec2mpi.toml").write_text('list = "my_list"\n[groups]\nsmall = "type=c5n.large"\n')
    assert [n["index"] for n in json.loads(laptop("nodes", "--json", "-w", "@small").out)] == [2, 3]


def test_the_policy_is_the_same_document_with_and_without_json(offline):
    policy = offline("iam-policy")
    assert policy.code == 0 and '"Version": "2012-10-17"' in policy.out, policy
    assert offline("iam-policy", "--json") == policy
