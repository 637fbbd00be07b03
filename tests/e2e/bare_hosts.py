"""Three hosts that neither know nor trust each other, for the tests of setup, and how to make them bare again."""

import contextlib

from local_cluster import Cluster

HOSTS = (1, 2, 3)
HOME = "/home/ubuntu"
QUICK = "-o BatchMode=yes -o ConnectTimeout=20 -o KexAlgorithms=curve25519-sha256"  # the usual exchange takes 70 ms of CPU
MAKE_BARE = f"rm -rf {HOME} && cp -a /root/home {HOME} && cp /root/hosts /etc/hosts"


@contextlib.contextmanager
def bare_hosts(name):
    """Each host keeps the home, /etc/hosts and /etc/ssh that it has now in /root, from where MAKE_BARE takes them."""
    hosts = Cluster(name)
    try:
        hosts.up(3, "--bare")
        for host in HOSTS:
            assert hosts.host(host, f"cp -a {HOME} /root/home && cp /etc/hosts /root/hosts && cp -a /etc/ssh /root/ssh").code == 0
        yield hosts
    finally:
        hosts.down()


def content(cluster, host, path):
    done = cluster.host(host, f"cat {path}; printf .")
    assert done.code == 0, done.err
    return done.out[:-1]
