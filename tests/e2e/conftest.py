"""Fixtures for the tests of the real binary against real hosts. The program under test is $EC2MPI_BINARY, else that of the dev build.

    ec2mpi          the program in a scratch folder with list and key, on the laptop of the test's cluster
    cluster4        four hosts that trust each other; shared by a file's tests, healed after each
    cluster         for a cluster of the test's own: cluster.up(2, "--bare")
    offline         the program in an empty scratch folder and without any network
"""

import itertools

import pytest

from local_cluster import Cluster, Program

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared_cluster4():
    hosts = Cluster("four")
    try:
        yield hosts.up(4)
    finally:
        hosts.down()


@pytest.fixture
def cluster4(shared_cluster4):
    yield shared_cluster4
    shared_cluster4.heal()


@pytest.fixture
def cluster():
    hosts = Cluster(next(numbers))
    try:
        yield hosts
    finally:
        hosts.down()


@pytest.fixture
def ec2mpi(request, tmp_path):
    """On the test's own cluster if it has one (from when it is up), else on cluster4."""
    if "cluster" in request.fixturenames:
        hosts = request.getfixturevalue("cluster")
        program = Program(tmp_path)
        hosts.programs.append(program)
    else:
        program = Program(tmp_path, request.getfixturevalue("cluster4"))
    yield program
    said = program.finish()
    assert not said, f"a sanitizer found something:\n{said}"


@pytest.fixture
def offline(tmp_path):
    program = Program(tmp_path)
    yield program
    said = program.finish()
    assert not said, f"a sanitizer found something:\n{said}"
