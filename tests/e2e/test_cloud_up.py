"""up against the endpoint in tests/ec2: the hosts of the test's cluster are the places where it starts instances."""

import json
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


EMPTY = {"instances": {}, "groups": {}, "keys": {}, "placement": {}, "calls": [], "faults": [], "tokens": {}, "numbers": 0}


def is_empty(ec2mpi):
    """Whether nothing that costs or clutters is left in the account, as the aws command sees it."""
    live = [i for r in aws(ec2mpi, "describe-instances")["Reservations"] for i in r["Instances"] if i["State"]["Name"] != "terminated"]
    return (not live and not aws(ec2mpi, "describe-security-groups")["SecurityGroups"]
            and not aws(ec2mpi, "describe-placement-groups")["PlacementGroups"] and not aws(ec2mpi, "describe-key-pairs")["KeyPairs"])


def test_a_cluster_comes_up_and_goes_although_two_zones_are_full_and_an_answer_is_lost(ec2mpi):
    ec2mpi.ec2.fault("drop", "CreateSecurityGroup")  # the second try finds the group of the first
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
    done = ec2mpi("up", "2", "--type", "c5n.large", "--dry-run", "--from", "0.0.0.0/0")
    assert done.code == 0 and "ssh from 0.0.0.0/0, which is everybody" in done.err, done.err
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
    assert list(ec2mpi.folder.glob("[ab]/*.pem")), "without its list, a key may be that of a cluster in another region"
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


def is_clean(ec2mpi):
    """The same by the endpoint's own state, which costs less than four starts of the aws command."""
    state = ec2mpi.ec2.state()
    return (all(one["state"] == "terminated" for one in state["instances"].values())
            and not state["groups"] and not state["keys"] and not state["placement"] and not list(ec2mpi.folder.glob("*.pem")))


def test_what_the_instances_are_like_is_chosen_by_options(ec2mpi):
    (ec2mpi.folder / "first.sh").write_text("#!/bin/sh\ntrue\n")
    done = ec2mpi("up", "2", "--type", "c5n.large", "--spot", "workers", "--max-price", "0.05", "--disk", "100G,gp3", "--vpc",
                  "vpc-0fedcba9876543210", "--threads-per-core", "1", "--user-data", "first.sh", "--yes")
    assert done.code == 0, done.err
    assert "1 of 2 as spot for at most 0.05 USD an hour" in done.err
    assert "c5n.large as spot: 0.0444 an hour each, now and in the dearest zone" in done.err
    shown = ec2mpi("status", "--json")
    assert [one["price"] for one in json.loads(shown.out)] == [0.108, 0.0312], "on demand by the table, spot by EC2's answer for the zone"
    state = ec2mpi.ec2.state()
    master, worker = state["instances"].values()
    assert master["spot"] is None
    assert (worker["spot"]["MaxPrice"], worker["spot"]["InstanceInterruptionBehavior"]) == ("0.05", "terminate")
    for one in (master, worker):
        assert one["disks"] == [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 100, "VolumeType": "gp3", "DeleteOnTermination": True}}]
        assert (one["cores"], one["subnet"]) == ({"CoreCount": 1, "ThreadsPerCore": 1}, "subnet-0200000000000000a")
        assert one["user_data"]
    assert master["placement"] == worker["placement"]
    assert [group["vpc"] for group in state["groups"].values()] == ["vpc-0fedcba9876543210"]
    assert next(iter(state["instances"])) in (ec2mpi.folder / "amazon_instances_info").read_text().splitlines()[1], "the master is first"
    [cluster] = json.loads(ec2mpi("status", "--all-regions", "--json").out)
    assert cluster["disks_usd_per_month"] == pytest.approx(2 * 100 * 0.08)
    assert ec2mpi("down", "--yes").code == 0
    assert is_clean(ec2mpi)


@pytest.mark.parametrize("words, said", [
    (("--type", "c5n.large", "--efa"), "c5n.large has no Elastic Fabric Adapter"),
    (("--type", "c5.large", "--reservation", "cr-0123456789abcdef0"), "is for c5n.large, not for c5.large"),
    (("--type", "c5n.large", "--subnet", "subnet-0fffffffffffffff0"), "has no subnet subnet-0fffffffffffffff0"),
    (("--type", "c5n.large", "--ami", "ami-0fffffffffffffff0"), "does not exist"),
    (("--type", "c5n.large", "--disk", "100M"), "--disk: a size of 1G"),
    (("--type", "c5n.large", "--max-price", "0.1"), "--spot"),
    ((), "--type c5n.large, for example")])
def test_options_that_do_not_go_together_start_nothing(ec2mpi, words, said):
    done = ec2mpi("up", "2", *words, "--yes")
    assert done.code == 2
    assert said in done.err, done.err
    assert is_clean(ec2mpi)


def test_adapters_and_reservations_are_asked_for_as_ec2_wants_them(ec2mpi):
    done = ec2mpi("up", "2", "--type", "c5n.18xlarge", "--efa", "--dry-run")
    assert done.code == 0, done.err
    assert "whose driver the image must have" in done.err
    ec2mpi.ec2.change(placement={"reserved": {"tags": {}}})  # the endpoint refuses all groups but those that are there
    done = ec2mpi("up", "2", "--type", "c5n.large", "--reservation", "cr-0123456789abcdef0", "--dry-run")
    assert done.code == 0, done.err
    assert "reservation cr-0123456789abcdef0" in done.err
    assert not ec2mpi.ec2.state()["instances"]


def test_an_account_without_a_default_network_gets_the_next_step(ec2mpi):
    ec2mpi.ec2.fault("no-vpc")
    done = ec2mpi(*UP)
    assert done.code == 2
    assert "No default VPC for this user" in done.err and "--subnet or --vpc names a network" in done.err
    assert is_clean(ec2mpi)


def test_debian_is_found_by_its_publisher_and_not_among_its_backports(ec2mpi):
    done = ec2mpi("up", "2", "--type", "c5n.large", "--os", "debian", "--dry-run")
    assert done.code == 0, done.err
    assert "debian-12-amd64-20260302-1" in done.err


def test_the_plan_says_whether_the_price_of_spot_instances_is_above_the_most(ec2mpi):
    plan = ("up", "1", "--type", "c5n.large", "--dry-run", "--spot")
    assert "in the dearest zone; above --max-price" in ec2mpi(*plan, "all", "--max-price", "0.01").err
    assert "--max-price" not in ec2mpi(*plan, "all", "--max-price", "0.2").err
    done = ec2mpi(*plan, "workers")
    assert done.code == 0 and "as spot" not in done.err, "the master is on demand, and there is no worker"


def test_refused_spot_instances_end_the_master_that_runs(ec2mpi):
    ec2mpi.ec2.fault("spot", "RunInstances")
    done = ec2mpi(*UP, "--spot", "workers", "--subnet", "subnet-0100000000000000b")
    assert done.code == 2
    assert "There is no Spot capacity available" in done.err and "nothing of it is left" in done.err
    assert len(ec2mpi.ec2.state()["instances"]) == 1
    assert is_clean(ec2mpi)


def test_a_quota_that_is_too_small_is_shown_in_ec2s_words(ec2mpi):
    ec2mpi.ec2.fault("quota", "RunInstances")
    done = ec2mpi(*UP)
    assert done.code == 2
    assert "current vCPU limit of 32" in done.err and "Service Quotas" in done.err
    assert ec2mpi.ec2.calls("RunInstances") == 2, "a dry run, and no other zone"
    assert is_clean(ec2mpi)


def test_an_instance_that_gets_no_address_is_named_and_ended(ec2mpi):
    ec2mpi.ec2.fault("no-address", "RunInstances")
    done = ec2mpi(*UP)
    assert done.code == 2
    assert "has no public address" in done.err and "nothing of it is left" in done.err
    assert is_clean(ec2mpi)


def test_the_console_of_an_instance_without_sshd_is_shown(ec2mpi):
    ec2mpi.ec2.fault("no-sshd", "RunInstances")
    done = ec2mpi("up", "1", "--type", "c5n.large", "--retries", "0", "--yes")
    assert done.code == 1
    assert "does not answer; the end of its console:" in done.err and "login:" in done.err
    assert "`ec2mpi down` ends them" in done.err
    assert ec2mpi("down", "--yes").code == 0
    assert is_clean(ec2mpi)


def test_ctrl_c_at_each_step_leaves_nothing(ec2mpi):
    for step in ("DescribeInstanceTypes", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "ImportKeyPair",
                 "CreatePlacementGroup", "RunInstances", "GetConsoleOutput"):
        ec2mpi.ec2.fault("hold", step)
        process = ec2mpi.start(*UP, env=ec2mpi.ec2.environment)
        wait_until(lambda: ec2mpi.ec2.state().get("held") == step, step)
        process.send_signal(signal.SIGINT)
        ec2mpi.ec2.release()
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130, (step, err)
        assert is_clean(ec2mpi), (step, err)


def test_the_plan_compares_the_quota_if_the_account_may_ask(ec2mpi):
    words = ("up", "2", "--type", "c5n.large", "--dry-run")
    assert "quota" not in ec2mpi(*words).err
    ec2mpi.ec2.change(quotas={"L-1216C47A": 3.0})
    assert "4 vCPUs needed, 0 in use, 3 allowed; EC2 will refuse" in ec2mpi(*words).err


def test_forgotten_clusters_are_found_in_every_region(ec2mpi):
    assert "nothing in 2 regions has the tag" in ec2mpi("status", "--all-regions").err
    tags = {"ec2mpi:cluster": "old"}
    forgotten = {"i-0aaaaaaaaaaaaaaa0": {"host": 1, "state": "stopped", "type": "c5n.large", "address": "", "private": "10.0.0.9",
                                         "launched": "2026-01-01T00:00:00+00:00", "key": "k", "groups": [], "tags": tags}}
    ec2mpi.ec2.change(elsewhere=EMPTY | {"instances": forgotten, "disks": {
        "vol-0aaaaaaaaaaaaaaa0": {"size": 100, "instance": "i-0aaaaaaaaaaaaaaa0", "tags": tags}}})
    done = ec2mpi("status", "--all-regions")
    assert done.code == 0, done.err
    assert "  DISKS USD/MONTH" in done.out.splitlines()[0], "the price of running instances is not in it"
    assert done.out.splitlines()[1].split()[:7] == ["eu-west-1", "old", "0", "1", "0", "1", "100"], done.out
    assert "ec2mpi down --region eu-west-1 --cluster NAME" in done.err
    [cluster] = json.loads(ec2mpi("status", "--all-regions", "--json").out)
    assert (cluster["region"], cluster["disks"][0]["gib"], cluster["instances"][0]["state"]) == ("eu-west-1", 100, "stopped")
    assert cluster["disks_usd_per_month"] is None, "no price for this region is known"


def test_idle_instances_do_what_the_last_rule_says(ec2mpi):
    def behaviours():
        return [one["on_shutdown"] for one in ec2mpi.ec2.state()["instances"].values()]

    assert ec2mpi(*UP, "--idle", "1h=stop").code == 0
    done = ec2mpi("extend", "1h", "--idle", "2h=down")
    assert done.code == 0 and "EC2 then ends those" in done.err, done.err
    assert behaviours() == ["terminate", "terminate"]
    ec2mpi.ec2.fault("unauthorized", "ModifyInstanceAttribute")  # its dry run was allowed
    done = ec2mpi("extend", "1h", "--idle", "1h=stop")
    assert done.code == 1 and "node1 (i-" in done.err and "nothing is changed there" in done.err, done.err
    assert behaviours() == ["terminate", "stop"]
    assert [one["tags"]["ec2mpi:idle"] for one in ec2mpi.ec2.state()["instances"].values()] == ["2h=down", "1h=stop"]
    done = ec2mpi("extend", "1h", "--idle", "5s=stop")
    assert done.code == 0, done.err
    wait_until(lambda: ec2mpi("status").out.count("stopped") == 2, "stopped instances", 90)
    done = ec2mpi("down", "-w", "2", "--yes", "--force")
    assert done.code == 0, done.err
    assert [one["state"] for one in ec2mpi.ec2.state()["instances"].values()] == ["stopped", "terminated"]
    assert ec2mpi("down", "--yes", "--force").code == 0
    assert is_empty(ec2mpi)
