"""up against the endpoint in tests/ec2: the hosts of the test's cluster are the places where it starts instances."""

import signal

import pytest

from ec2_endpoint import SECRET, Ec2, InTheCloud, aws
from local_cluster import Cluster, wait_until

UP = ("up", "2", "--type", "c5n.large", "--yes")


@pytest.fixture(scope="module")
def places():
    hosts = Cluster("cloud-up")
    try:
        yield hosts.up(2, "--bare")
    finally:
        hosts.down()


@pytest.fixture
def ec2mpi(places, tmp_path):
    for index in (1, 2):
        if not places.is_running(index):  # the last test has ended its instance
            places.call("start", index)
    endpoint = Ec2(places, tmp_path, "--spare")
    program = InTheCloud(tmp_path, places, endpoint)
    for file in program.folder.iterdir():  # the list and the key of the test's cluster are not those of the user
        file.unlink()
    yield program
    endpoint.close()
    assert SECRET not in program.said
    assert not program.finish()


def is_empty(ec2mpi):
    """Whether nothing that costs or clutters is left in the account, as the aws command sees it."""
    live = [i for r in aws(ec2mpi, "describe-instances")["Reservations"] for i in r["Instances"] if i["State"]["Name"] != "terminated"]
    return (not live and not aws(ec2mpi, "describe-security-groups")["SecurityGroups"]
            and not aws(ec2mpi, "describe-placement-groups")["PlacementGroups"] and not aws(ec2mpi, "describe-key-pairs")["KeyPairs"])


def test_a_cluster_comes_up_and_goes_although_two_zones_are_full_and_an_answer_is_lost(ec2mpi):
    ec2mpi.ec2.fault("capacity", "RunInstances", times=2)
    ec2mpi.ec2.fault("drop", "RunInstances")
    done = ec2mpi(*UP)
    assert done.code == 0, done.err
    state = ec2mpi.ec2.state()
    assert len(state["instances"]) == 2, "a lost answer must not start others"
    for one in state["instances"].values():
        assert (one["zone"], one["http_tokens"]) == ("us-east-2b", "required")
        assert one["placement"] in state["placement"]
        assert one["tags"]["ec2mpi:cluster"] == one["volume_tags"]["ec2mpi:cluster"] == "cluster"
    [(group, made)] = state["groups"].items()
    assert [(r.get("cidr"), r.get("group"), r["from"]) for r in made["rules"]] == [("198.51.100.9/32", None, 22), (None, group, None)]
    assert ec2mpi("status", "--keys").out.count("right") == 2

    done = ec2mpi("run", "--", "hostname")
    assert done.code == 0, done.err
    assert len(set(done.out.split())) == 2

    done = ec2mpi("down", "--yes")
    assert done.code == 0, done.err
    assert is_empty(ec2mpi)
    assert not list(ec2mpi.folder.glob("*.pem"))


def test_a_dry_run_starts_nothing(ec2mpi):
    done = ec2mpi("up", "2", "--type", "c5n.large", "--dry-run")
    assert done.code == 0, done.err
    assert "ssh from 198.51.100.9/32 only" in done.err and "ami-00000000000000007" in done.err
    assert is_empty(ec2mpi)


def test_a_refused_start_leaves_nothing(ec2mpi):
    done = ec2mpi("up", "3", "--type", "c5n.large,t3.micro", "--yes")  # there are places for two
    assert done.code == 2
    assert "no more hosts" in done.err and "nothing of it is left" in done.err
    assert ec2mpi.ec2.calls("RunInstances") == 2 + 2 * 4, "two dry runs; two types, without a zone and in three"
    assert is_empty(ec2mpi)
    assert not list(ec2mpi.folder.glob("*.pem")) and not (ec2mpi.folder / "amazon_instances_info").exists()


def test_of_two_starts_at_once_one_is_refused_and_the_other_works(ec2mpi):
    words = ("up", "1", "--type", "c5n.large", "--yes")
    for name in "ab":
        (ec2mpi.folder / name).mkdir()
    both = [ec2mpi.start(*words, "--list", f"{name}/amazon_instances_info", env=ec2mpi.ec2.environment) for name in "ab"]
    ends = [process.communicate(timeout=60)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], ends
    assert len(ec2mpi.ec2.state()["instances"]) == 1
    assert "a cluster named cluster exists already" in ends[0 if both[0].returncode else 1]
    assert ec2mpi("down", "--yes", "--cluster", "cluster").code == 0
    assert is_empty(ec2mpi)


def test_ctrl_c_while_instances_start_ends_them(ec2mpi):
    ec2mpi.ec2.fault("stuck", "RunInstances")
    process = ec2mpi.start(*UP, env=ec2mpi.ec2.environment)
    wait_until(lambda: ec2mpi.ec2.state()["instances"], "instances")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err and "nothing of it is left" in err
    assert is_empty(ec2mpi)


def test_a_machine_with_another_host_key_than_on_its_console_gets_no_login(ec2mpi):
    before = [ec2mpi.cluster.login_attempts(i) for i in (1, 2)]
    ec2mpi.ec2.fault("other-keys", "RunInstances")
    done = ec2mpi(*UP)
    assert done.code == 1
    assert "`ec2mpi down` ends them" in done.err
    assert [ec2mpi.cluster.login_attempts(i) for i in (1, 2)] == before
    assert ec2mpi("down", "--yes").code == 0
    assert is_empty(ec2mpi)


def test_a_list_in_use_is_not_replaced(ec2mpi):
    (ec2mpi.folder / "amazon_instances_info").write_text("\u2013\ti-0123456789abcdef0\tc5n.large\t203.0.113.9\t2026-11-22\n")
    done = ec2mpi(*UP)
    assert done.code == 2
    assert "is there already" in done.err
    assert ec2mpi.ec2.state()["calls"] == []
