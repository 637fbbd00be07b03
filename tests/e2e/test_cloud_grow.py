"""A cluster that grows, is repaired and shrinks, against the endpoint in tests/ec2: one that up has started, and one that somebody has
started with Debian's `aws` and pasted."""

import signal

import pytest

from ec2_endpoint import SECRET, Ec2, InTheCloud, aws
from local_cluster import Cluster, wait_until


@pytest.fixture(scope="module")
def places():
    hosts = Cluster("cloud-grow")
    try:
        yield hosts.up(6, "--bare")
    finally:
        hosts.down()


@pytest.fixture
def ec2mpi(places, tmp_path):
    for index in range(1, 7):
        if not places.is_running(index):  # the last test has ended its instance
            places.call("start", index)
    endpoint = Ec2(places, tmp_path, "--spare")
    program = InTheCloud(tmp_path, places, endpoint)
    (program.folder / "amazon_instances_info").unlink()
    yield program
    endpoint.close()
    assert SECRET not in program.said
    assert not program.finish()


def listed_ids(ec2mpi):
    return [line.split("\t")[1] for line in (ec2mpi.folder / "amazon_instances_info").read_text().splitlines()[1:]]


def live_ids(ec2mpi):
    return {key for key, one in ec2mpi.ec2.state()["instances"].items() if one["state"] == "running"}


def names_of_ranks(ec2mpi):
    done = ec2mpi("run", "--per-node", "1", "--", "hostname")
    assert done.code == 0, done.err
    return set(done.out.split())


def start_with_up(ec2mpi):
    (ec2mpi.folder / "key.pem").unlink()
    done = ec2mpi("up", "4", "--type", "c5n.large", "--yes")
    assert done.code == 0, done.err


def start_with_aws(ec2mpi):
    """Four instances of a key and a group that the user has already; their addresses are pasted."""
    public = ec2mpi.cluster.exec(["ssh-keygen", "-y", "-f", ec2mpi.folder / "key.pem"]).out
    (ec2mpi.folder / "key.pub").write_text(public)
    aws(ec2mpi, "import-key-pair", "--key-name", "mine", "--public-key-material", f"fileb://{ec2mpi.folder}/key.pub")
    group = aws(ec2mpi, "create-security-group", "--group-name", "mine", "--description", "d")["GroupId"]
    made = aws(ec2mpi, "run-instances", "--image-id", "ami-00000000000000007", "--instance-type", "c5n.large", "--count", "4",
               "--key-name", "mine", "--security-group-ids", group)["Instances"]
    ids = [one["InstanceId"] for one in made]
    rows = [["\u2013", one["InstanceId"], one["State"]["Name"], one["InstanceType"], one["PublicIpAddress"]]
            for r in aws(ec2mpi, "describe-instances", "--instance-ids", *ids)["Reservations"] for one in r["Instances"]]
    lines = ["\t".join(row) for row in [["Name", "Instance ID", "Instance state", "Instance type", "Public IPv4 address"], *rows]]
    (ec2mpi.folder / "amazon_instances_info").write_text("\n".join(lines) + "\n")
    done = ec2mpi("setup", "--retries", "5")
    assert done.code == 0, done.err


@pytest.mark.parametrize("start", [start_with_up, start_with_aws])
def test_a_cluster_lives_from_nothing_to_nothing(ec2mpi, start):
    start(ec2mpi)
    pasted = start is start_with_aws
    ids = listed_ids(ec2mpi)
    named = ("--ids", ",".join(ids)) if pasted else ()
    first = names_of_ranks(ec2mpi)
    assert len(first) == 4
    assert ec2mpi("status").out.count("running") == 4
    for verb in ("stop", "start"):
        done = ec2mpi(verb, "--yes", *named)
        assert done.code == 0, done.err
    assert ec2mpi("exec-all", "--retries", "5", "true").code == 0
    assert names_of_ranks(ec2mpi) == first

    job = ec2mpi("run", "--detach", "--per-node", "1", "--", "sleep", "600").out.strip()
    assert f"{job} is running" in ec2mpi("status").out
    assert ec2mpi("cancel", job).code == 0
    assert "is running" not in ec2mpi("status").out

    ec2mpi.ec2.fault("quota", "RunInstances")
    done = ec2mpi("up", "--add", "2", "--yes")
    assert done.code == 2 and "current vCPU limit" in done.err and "nothing of it is left" in done.err, done.err
    assert listed_ids(ec2mpi) == ids and live_ids(ec2mpi) == set(ids)

    done = ec2mpi("up", "--add", "2", "--yes")
    assert done.code == 0, done.err
    grown = listed_ids(ec2mpi)
    assert grown[:4] == ids and len(grown) == 6
    instances = ec2mpi.ec2.state()["instances"]
    for key in ("key", "groups", "image", "zone", "placement", "subnet"):
        assert instances[grown[5]][key] == instances[ids[3]][key], key
    assert len(names_of_ranks(ec2mpi)) == 6
    assert ec2mpi("exec", "-w", "2", "--", "ssh", "-o", "BatchMode=yes", "node6", "true").code == 0
    assert ec2mpi("exec", "-w", "6", "--", "ssh", "-o", "BatchMode=yes", "node2", "true").code == 0

    done = ec2mpi("down", "-w", "5-6", "--yes")
    assert done.code == 0, done.err
    assert listed_ids(ec2mpi) == ids and live_ids(ec2mpi) == set(ids)
    assert names_of_ranks(ec2mpi) == first
    done = ec2mpi("down", "--yes", *named)
    assert done.code == 0, done.err
    shown = [i["State"]["Name"] for r in aws(ec2mpi, "describe-instances")["Reservations"] for i in r["Instances"]]
    assert set(shown) == {"terminated"}
    own = {"groups": 1, "keys": 1, "placement": 0} if pasted else {"groups": 0, "keys": 0, "placement": 0}
    state = ec2mpi.ec2.state()
    assert {key: len(state[key]) for key in own} == own, "the user's own group and key stay"


def test_failed_instances_are_replaced_in_their_place(ec2mpi):
    start_with_up(ec2mpi)
    ids = listed_ids(ec2mpi)
    done = ec2mpi("up", "--replace", "failed", "--yes")
    assert done.code == 0 and "no instance of the list has failed" in done.err, done.err
    aws(ec2mpi, "terminate-instances", "--instance-ids", ids[1])
    aws(ec2mpi, "describe-instances")
    done = ec2mpi("up", "--replace", "failed", "--yes")
    assert done.code == 0, done.err
    now = listed_ids(ec2mpi)
    assert [now[0], *now[2:]] == [ids[0], *ids[2:]] and now[1] != ids[1]
    assert [line.split()[:2] for line in ec2mpi("status").out.splitlines()[1:]] == [[f"node{i}", key] for i, key in enumerate(now, 1)]
    assert len(names_of_ranks(ec2mpi)) == 4

    done = ec2mpi("up", "--replace", now[3], "--yes")  # it runs, and ends when the new one is there
    assert done.code == 0, done.err
    assert listed_ids(ec2mpi)[:3] == now[:3] and now[3] not in live_ids(ec2mpi)
    assert live_ids(ec2mpi) == set(listed_ids(ec2mpi))
    assert ec2mpi("down", "--yes").code == 0


def test_two_commands_at_once_and_a_refused_end_leave_no_instance_out_of_sight(ec2mpi):
    (ec2mpi.folder / "key.pem").unlink()
    assert ec2mpi("up", "2", "--type", "c5n.large", "--yes").code == 0
    ids = listed_ids(ec2mpi)
    ec2mpi.ec2.fault("hold", "StopInstances")
    stop = ec2mpi.start("stop", "-w", "2", "--yes", "--force", env=ec2mpi.ec2.environment)
    wait_until(lambda: ec2mpi.ec2.state().get("held") == "StopInstances", "the call")
    done = ec2mpi("up", "--add", "1", "--yes")
    assert done.code == 0, done.err
    ec2mpi.ec2.release()
    _, err = stop.communicate(timeout=60)
    assert stop.returncode == 0, err
    grown = listed_ids(ec2mpi)
    assert grown[:2] == ids and set(grown[2:]) == live_ids(ec2mpi) - set(ids) and len(grown) == 3

    ec2mpi.ec2.fault("unauthorized", "TerminateInstances")  # its dry run was allowed
    done = ec2mpi("up", "--replace", grown[2], "--yes")
    command = f"ec2mpi down --ids {grown[2]} --region us-east-2"
    assert done.code == 1 and "still runs and costs" in done.err and command in done.err, done.err
    assert command in ec2mpi("status").err
    done = ec2mpi("down", "--yes", "--force")
    assert done.code == 1 and command in done.err and "nothing of them is left" not in done.err, done.err
    assert live_ids(ec2mpi) == {grown[2]}
    done = ec2mpi(*command.split()[1:], "--yes", "--force")
    assert done.code == 0, done.err
    state = ec2mpi.ec2.state()
    assert not live_ids(ec2mpi) and not state["groups"] and not state["keys"] and not state["placement"]


def test_a_refused_or_interrupted_end_of_some_nodes_advises_nothing_that_ends_the_others(ec2mpi):
    (ec2mpi.folder / "key.pem").unlink()
    words = ("--list", "mine", "--region", "us-east-2")
    assert ec2mpi("up", "2", "--type", "c5n.large", "--yes", *words).code == 0
    first, second = [line.split("\t")[1] for line in (ec2mpi.folder / "mine").read_text().splitlines()[1:]]
    again = f"ec2mpi down --list mine --ids {second} --region us-east-2"

    ec2mpi.ec2.fault("protected", "TerminateInstances")
    done = ec2mpi("down", "-w", "2", *words, "--yes", "--force")
    assert done.code == 1 and "--no-disable-api-termination" in done.err, done.err
    assert f"not ended, and so at your cost: {second} (running)" in done.err and again in done.err, done.err
    assert "does the rest" not in done.err

    ec2mpi.ec2.fault("cut", "StopInstances")
    done = ec2mpi("stop", "-w", "2", *words, "--yes", "--force")
    assert done.code == 0, done.err
    assert "\tstopped\t" in (ec2mpi.folder / "mine").read_text()

    ec2mpi.ec2.fault("hold", "TerminateInstances")
    down = ec2mpi.start("down", "-w", "2", *words, "--yes", "--force", env=ec2mpi.ec2.environment)
    wait_until(lambda: ec2mpi.ec2.state().get("held") == "TerminateInstances", "the call")
    down.send_signal(signal.SIGINT)
    ec2mpi.ec2.release()
    _, err = down.communicate(timeout=60)
    assert down.returncode == 130 and f"`{again}` again does the rest" in err, err

    assert ec2mpi(*again.split()[1:], "--yes", "--force").code == 0
    assert live_ids(ec2mpi) == {first}
    assert ec2mpi("down", *words, "--yes", "--force").code == 0


def test_results_on_a_master_that_was_stopped_are_not_lost_and_come_back(ec2mpi):
    (ec2mpi.folder / "key.pem").unlink()
    (ec2mpi.folder / "ec2mpi.toml").write_text('[jobs.keep]\ncommand = ["sh", "-c", "echo 42 >answer"]\nnp = 1\npull = ["answer"]\n')
    assert ec2mpi("up", "2", "--type", "c5n.large", "--yes").code == 0
    old, other = listed_ids(ec2mpi)
    job = ec2mpi("run", "keep", "-d").out.strip()
    assert ec2mpi("wait", job).code == 0
    assert ec2mpi("stop", "-w", "1", "--yes").code == 0
    done = ec2mpi("start", "-w", "1", "--yes")
    assert f"{other}) was running already" in done.err and f"ec2mpi start --ids {old}` starts it" in done.err, done.err
    for words in ((), ("--ids", old)):
        done = ec2mpi("down", "--yes", *words)
        assert done.code == 2 and f"{old} was the master of {job}, is stopped" in done.err, done.err
    assert ec2mpi("start", "--ids", old, "--yes").code == 0
    assert ec2mpi("exec-all", "--retries", "5", "true").code == 0
    done = ec2mpi("down", "--yes")
    assert done.code == 2 and f"`ec2mpi ips --renumber` makes {old} the master again, then `ec2mpi attach {job}`" in done.err, done.err
    assert ec2mpi("ips", "--renumber").code == 0
    assert ec2mpi("attach", job).code == 0
    assert [file.read_text() for file in (ec2mpi.folder / "results" / job).rglob("answer")] == ["42\n"]
    assert ec2mpi("down", "--yes").code == 0
    assert not live_ids(ec2mpi)
