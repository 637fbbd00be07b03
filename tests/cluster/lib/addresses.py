"""Who is who: every name and number of a cluster, all of them functions of a host's index (1, 2, ...)."""

import hashlib

MOST_HOSTS = 200

PRIVATE_NET = "10.0.0.0/24"
ROUTER = "10.0.0.1"
ROUTER_MAC = "02:00:0a:00:00:01"
PUBLIC_NETS = ("203.0.113", "198.51.100", "192.0.2")  # reserved for documentation (RFC 5737)
LAPTOP = "198.18.0.2"                                 # reserved for benchmarks (RFC 2544)
LAPTOP_GATEWAY = "198.18.0.1"


def private(index):
    return f"10.0.0.{10 + index}"


def public(index, generation=0):
    """A stopped instance may come back with another public address: that of its next generation."""
    return f"{PUBLIC_NETS[generation % len(PUBLIC_NETS)]}.{10 + index}"


def mac(index):
    return f"02:00:0a:00:00:{10 + index:02x}"


def port(index):
    """The host's end of the wire, as the router calls it."""
    return f"host{index}"


def hostname(index):
    return "ip-" + private(index).replace(".", "-")


def instance_id(cluster, index):
    return "i-0" + hashlib.sha256(f"{cluster}/{index}".encode()).hexdigest()[:16]
