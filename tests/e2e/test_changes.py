"""Lists that change, and the forms in which `nodes` hands them to other programs."""

import json
import textwrap

import pytest

from local_cluster import KEY, LIST, TESTS

FAKE_METADATA = textwrap.dedent("""
    import http.server, sys
    TOKEN = "the-token"
    class Service(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            wanted = self.path == "/latest/api/token" and "X-aws-ec2-metadata-token-ttl-seconds" in self.headers
            self.answer(TOKEN if wanted else None)
        def do_GET(self):
            wanted = self.path == "/latest/meta-data/instance-id" and self.headers["X-aws-ec2-metadata-token"] == TOKEN
            self.answer(sys.argv[1] if wanted else None)
        def answer(self, text):
            self.send_response(200 if text else 401)
            self.end_headers()
            self.wfile.write((text or "").encode())
        def log_message(self, *words):
            pass
    http.server.HTTPServer(("169.254.169.254", 80), Service).serve_forever()
""")


def rows(program):
    return [line.split("\t") for line in (program.folder / LIST).read_text().splitlines()]


def write_rows(program, changed):
    (program.folder / LIST).write_text("".join("\t".join(row) + "\n" for row in changed))


def without_age(nodes):
    return [{key: value for key, value in node.items() if key != "up_seconds"} for node in json.loads(nodes)]


@pytest.fixture
def listed(offline):
    write_rows(offline, [["–", f"i-0000000000000000{n}", "c5n.large", f"203.0.113.{n}", "2021/08/08 09:11 GMT-7"]
                         for n in (1, 2, 3)])
    assert offline("ips").code == 0
    return offline


def numbered(program):
    done = program("nodes", "--format", "{index} {id} {address}")
    assert done.code == 0, done.err
    return [line.split() for line in done.out.splitlines()]


def test_indices_stay_when_a_paste_comes_in_another_order(listed):
    before = numbered(listed)
    write_rows(listed, reversed(rows(listed)))
    done = listed("ips")
    assert (done.code, done.err) == (0, "")
    assert done.out == "203.0.113.1\n203.0.113.2\n203.0.113.3\n"
    assert numbered(listed) == before


def test_ips_says_once_what_is_new_gone_or_moved(listed):
    old = rows(listed)
    old[0][3] = "203.0.113.200"
    old[1][1] = "i-00000000000000009"
    write_rows(listed, old)
    said = listed("ips").err.splitlines()
    assert said == ["ec2mpi: node1 moved from 203.0.113.1 to 203.0.113.200",
                    "ec2mpi: node2 is gone: i-00000000000000002",
                    "ec2mpi: node2 is new: i-00000000000000009 at 203.0.113.2"]
    assert listed("ips").err == ""


def test_renumber_takes_the_lists_order(listed):
    write_rows(listed, reversed(rows(listed)))
    assert listed("ips", "--renumber").out.splitlines()[0] == "203.0.113.3"
    assert numbered(listed)[0][1] == "i-00000000000000003"


def test_who_is_gone_leaves_a_gap_that_selections_know(listed):
    write_rows(listed, [rows(listed)[0], rows(listed)[2]])
    assert [row[0] for row in numbered(listed)] == ["1", "3"]
    done = listed("nodes", "-w", "2")
    assert (done.code, done.out) == (2, "")
    assert "'2' selects no node" in done.err
    assert listed("nodes", "-w", "-1", "--format", "{index}").out == "3\n"


def test_a_list_from_a_pipe(offline):
    done = offline("ips", "-", input="–\ti-00000000000000001\tc5n.large\t203.0.113.7\t2021/08/08 09:11 GMT-7\n")
    assert (done.code, done.out) == (0, "203.0.113.7\n")
    assert (offline.folder / "nodeIPaddress").read_text() == "203.0.113.7\n"


def test_cost_comes_from_the_users_prices_only(listed):
    assert "COST" not in listed("nodes").out
    (listed.folder / "ec2mpi.toml").write_text('[prices]\n"c5n.large" = 0.5\n')
    done = listed("nodes")
    assert done.code == 0 and "COST" in done.out.splitlines()[0]
    assert float(done.out.splitlines()[1].split()[-1]) > 20000  # since 2021
    assert "in all since launch" in done.err


def test_an_unknown_field_of_a_format_is_an_error_that_names_the_known(listed):
    done = listed("nodes", "--format", "{index} {size}")
    assert (done.code, done.out) == (2, "")
    assert "{size} is not known; there are {index}" in done.err


def test_hostfile_is_read_back(listed):
    done = listed("nodes", "--hostfile")
    assert done.out == "203.0.113.1\n203.0.113.2\n203.0.113.3\n"
    assert listed("ips", "-", input=done.out).out == done.out


def test_plain_ssh_reaches_the_nodes_by_their_names(ec2mpi, cluster4):
    assert ec2mpi("exec-all", "true").code == 0  # remembers the host keys
    written = ec2mpi("nodes", "--ssh-config", "-i", KEY)
    assert written.code == 0 and "Include" in written.err
    for name, host in (("master", "ip-10-0-0-11"), ("node1", "ip-10-0-0-11"), ("node3", "ip-10-0-0-13")):
        done = cluster4.exec(["ssh", "-F", written.out.strip(), "-o", "BatchMode=yes", name, "uname -n"])
        assert (done.code, done.out) == (0, host + "\n"), done.err


def test_plain_ssh_refuses_a_node_whose_key_has_changed(ec2mpi, cluster4):
    assert ec2mpi("exec-all", "true").code == 0
    written = ec2mpi("nodes", "--ssh-config", "-i", KEY)
    cluster4.fault("rekey", 2)
    done = cluster4.exec(["ssh", "-F", written.out.strip(), "-o", "BatchMode=yes", "node2", "uname -n"])
    assert (done.code, done.out) == (255, "")


def test_stale_finds_addresses_that_belong_to_somebody_else(ec2mpi, cluster4):
    ids = [row[1] for row in rows(ec2mpi)]
    for index, shown in ((1, ids[0]), (2, ids[1]), (3, "i-0123456789abcdef0")):
        cluster4.host(index, "ip address add 169.254.169.254/32 dev lo")
        cluster4.host(index, "cat > /tmp/metadata.py", input=FAKE_METADATA)
        cluster4.host(index, f"setsid python3 /tmp/metadata.py {shown} >/dev/null 2>&1 & "
                             "until ss -ltn | grep -q 169.254.169.254:80; do sleep 0.05; done")
    try:
        done = ec2mpi("nodes", "--stale")
    finally:
        for index in (1, 2, 3):
            cluster4.host(index, "pkill -f /tmp/metadata.py; ip address del 169.254.169.254/32 dev lo")
    assert done.code == 1
    assert sorted(done.out.splitlines()) == [f"node1\t{ids[0]}", f"node2\t{ids[1]}"]
    assert f"node3: 203.0.113.13 is i-0123456789abcdef0 now, not {ids[2]}: paste the list anew" in done.err
    assert "node4: its metadata service gives no instance id" in done.err


@pytest.mark.parametrize("sample", ["04-console-2024.tsv", "09-console.csv", "22-awscli-real-shape.json"])
def test_our_own_json_is_read_back_equal(offline, sample):
    (offline.folder / LIST).write_bytes((TESTS / "data" / "inventories" / sample).read_bytes())
    written = offline("nodes", "--json")
    assert written.code == 0, written.err
    (offline.folder / "ours.json").write_text(written.out)
    again = offline("nodes", "--json", "--list", "ours.json")
    assert again.code == 0, again.err
    assert without_age(again.out) == without_age(written.out)
