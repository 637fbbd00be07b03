"""status, stop, start, down and allow against the endpoint in tests/ec2, whose instances are the hosts of the test's cluster. Debian's
`aws` drives the same endpoint, as a check of the endpoint itself."""

import json
import os
import subprocess

import pytest

from ec2_endpoint import SECRET, Ec2, InTheCloud, aws
from local_cluster import Cluster

GROUP = "sg-0123456789abcdef0"


@pytest.fixture(scope="module")
def cluster2():
    hosts = Cluster("cloud")
    try:
        yield hosts.up(2)
    finally:
        hosts.down()


@pytest.fixture(scope="module")
def ec2(cluster2, tmp_path_factory):
    endpoint = Ec2(cluster2, tmp_path_factory.mktemp("endpoint"))
    yield endpoint
    endpoint.close()


@pytest.fixture
def ec2mpi(cluster2, ec2, tmp_path):
    program = InTheCloud(tmp_path, cluster2, ec2)
    yield program
    assert SECRET not in program.said
    assert not program.finish()


def ids_of(ec2mpi):
    return [line.split("\t")[1] for line in (ec2mpi.cluster.folder / "amazon_instances_info").read_text().splitlines()]


def test_status_shows_what_ec2_knows_of_a_pasted_list(ec2mpi):
    done = ec2mpi("-vv", "status")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [[f"node{i}", instance, "running"] for i, instance in enumerate(ids_of(ec2mpi), 1)]
    shown = json.loads(ec2mpi("status", "--json").out)
    theirs = [i for r in aws(ec2mpi, "describe-instances")["Reservations"] for i in r["Instances"]]
    assert {one["id"]: one["public_address"] for one in shown} == {one["InstanceId"]: one["PublicIpAddress"] for one in theirs}


def test_a_foreign_id_is_named_and_nothing_is_changed(ec2mpi):
    done = ec2mpi("stop", "--yes", "--ids", f"{ids_of(ec2mpi)[0]},i-0fffffffffffffff0")
    assert done.code == 2
    assert "i-0fffffffffffffff0: not an instance of this account in us-east-2" in done.err
    assert ec2mpi.ec2.calls("StopInstances") == 0


def test_pasted_instances_are_not_stopped_by_yes_alone(ec2mpi):
    done = ec2mpi("stop", "--yes")
    assert done.code == 2
    assert "name all with --ids" in done.err
    assert ec2mpi.ec2.state()["instances"][ids_of(ec2mpi)[0]]["state"] == "running"


def test_throttling_and_html_errors_are_waited_out(ec2mpi):
    ec2mpi.ec2.fault("throttle", "DescribeInstances")
    ec2mpi.ec2.fault("html", "DescribeInstances")
    ec2mpi.ec2.fault("drop", "DescribeInstances")
    assert ec2mpi("status").code == 0


@pytest.mark.parametrize("fault, words", [("unauthorized", "ec2mpi iam-policy"), ("skew", "this machine's clock is 1"),
                                          ("expired", "have expired; renew them")])
def test_a_refusal_is_explained(ec2mpi, fault, words):
    ec2mpi.ec2.fault(fault, "DescribeInstances", times=2 if fault == "expired" else 1)
    done = ec2mpi("status")
    assert done.code == 2
    assert words in done.err


def test_a_wrong_secret_is_refused(ec2mpi):
    done = ec2mpi("status", env={"AWS_SECRET_ACCESS_KEY": "wrong"})
    assert done.code == 2
    assert "AuthFailure" in done.err


def test_a_slow_credential_process_is_named(ec2mpi):
    answer = ec2mpi.home / "answer"
    os.mkfifo(answer)
    (ec2mpi.home / ".aws").mkdir()
    (ec2mpi.home / ".aws/config").write_text(f"[profile slow]\nregion = us-east-2\ncredential_process = cat {answer}\n")
    status = ec2mpi.start("status", "--profile", "slow", env=ec2mpi.ec2.environment, stderr=subprocess.PIPE)
    assert "waiting for credential_process of the profile 'slow', for at most 1 min" in status.stderr.readline()
    keys = {"Version": 1, "AccessKeyId": ec2mpi.ec2.environment["AWS_ACCESS_KEY_ID"], "SecretAccessKey": SECRET}
    answer.write_text(json.dumps(keys))
    assert status.wait(20) == 0


def test_allow_replaces_only_its_own_rule(ec2mpi):
    aws(ec2mpi, "authorize-security-group-ingress", "--group-id", GROUP, "--ip-permissions",
        "IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=192.0.2.0/24,Description=office}]")
    assert ec2mpi("allow", "--from", "198.51.100.9").code == 0
    done = ec2mpi("allow", "--from", "198.51.100.9/24")
    assert done.code == 2 and "is an address, not the first of a network of /24" in done.err, done.err
    done = ec2mpi("allow", env={"EC2MPI_ADDRESS_SERVICE": "http://203.0.113.9/"})
    assert done.code == 2 and "plain http is for this machine only" in done.err, done.err
    rules = {rule["cidr"]: rule["description"] for rule in ec2mpi.ec2.state()["groups"][GROUP]["rules"]}
    assert rules == {"192.0.2.0/24": "office", "198.51.100.9/32": "ec2mpi"}


def test_allow_does_not_count_the_rule_that_it_removes(ec2mpi):
    done = ec2mpi("allow", "--from", "0.0.0.0/0")
    assert done.code == 0 and "ssh is allowed from 0.0.0.0/0, which is everybody" in done.err, done.err
    assert ec2mpi("allow", "--from", "198.51.100.9").code == 0
    rules = {rule["cidr"] for rule in ec2mpi.ec2.state()["groups"][GROUP]["rules"] if rule["description"] == "ec2mpi"}
    assert rules == {"198.51.100.9/32"}


def test_pasted_instances_live_through_stop_start_and_down(ec2mpi):
    ids = ",".join(ids_of(ec2mpi))
    assert ec2mpi("exec-all", "true").code == 0
    keys = (ec2mpi.folder / ".ec2mpi" / "known_hosts").read_text()
    before = (ec2mpi.folder / "amazon_instances_info").read_text()

    done = ec2mpi("stop", "--yes", "--ids", ids)
    assert done.code == 0, done.err
    assert (ec2mpi.folder / "amazon_instances_info.before").read_text() == before
    assert "is stopped" in ec2mpi("ips").err

    (ec2mpi.folder / "amazon_instances_info").write_text(before)  # pasted again: a copy is kept each time
    done = ec2mpi("start", "--yes", "--ids", ids)
    assert done.code == 0, done.err
    assert (ec2mpi.folder / "amazon_instances_info.before.2").read_text() == before
    assert (ec2mpi.folder / "amazon_instances_info").read_text() != before
    assert ec2mpi("exec-all", "--retries", "5", "true").code == 0
    assert (ec2mpi.folder / ".ec2mpi" / "known_hosts").read_text() == keys
    assert ec2mpi("status", "--keys").out.count("right") == 2

    aws(ec2mpi, "create-tags", "--resources", *ids.split(","), "--tags", "Key=ec2mpi:cluster,Value=c1")
    (ec2mpi.folder / "new").mkdir()
    done = ec2mpi("up", "1", "--type", "c5n.large", "--cluster", "c1", "--from", "198.51.100.9", "--list",
                  "new/amazon_instances_info", "--yes")
    assert done.code == 2 and "a cluster named c1 exists already" in done.err, done.err
    for name, complaint in (("c*", "is not a name"), ("other", "no instance in")):
        done = ec2mpi("down", "--yes", "--cluster", name)
        assert done.code == 2 and complaint in done.err, done.err
    tag = "Tags=[{Key=ec2mpi:cluster,Value=c1}]"
    aws(ec2mpi, "create-security-group", "--group-name", "g", "--description", "d", "--tag-specifications",
        f"ResourceType=security-group,{tag}")
    aws(ec2mpi, "create-placement-group", "--group-name", "p", "--strategy", "cluster", "--tag-specifications",
        f"ResourceType=placement-group,{tag}")
    done = ec2mpi("down", "--yes")
    assert done.code == 0, done.err
    assert "nothing of them is left" in done.err
    state = ec2mpi.ec2.state()
    assert {one["state"] for one in state["instances"].values()} == {"terminated"}
    assert set(state["groups"]) == {GROUP} and not state["placement"]
    assert ec2mpi("down", "--yes").code == 0, "a second down has nothing to do"
