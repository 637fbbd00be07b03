"""The network: a bridge for the hosts, a router with 1:1 NAT, and the laptop's uplink.

    host1 eth0 ── host1 ┐
    host2 eth0 ── host2 ┤ vpc (bridge) ─ router ─ uplink ─ laptop
                        ┘                          wire, a veth pair; or line, two TUN devices joined by delay_line

The router is the network namespace of the cluster's keeper. It has no other way out. Its rules are a pure function of the
cluster's state and are always replaced as a whole.
"""

import fcntl
import os
import re
import struct

from .addresses import LAPTOP, LAPTOP_GATEWAY, PUBLIC_NETS, ROUTER, ROUTER_MAC, mac, port, private
from .linux import ClusterError, enter, fork, kill_and_wait, launch, tool

JUMBO = 9001  # the MTU inside a VPC
TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 1, 2, 4


def ip(lines, net=None):
    """A batch of ip(8) commands, in the network namespace of process `net`."""
    tool(["ip", "-batch", "-"], net, "\n".join(lines) + "\n")


def put(setting, value):
    with open(setting, "w") as file:
        file.write(value)


# --- wiring ------------------------------------------------------------------------------------------------------

def configure_router(keeper):
    def settings():
        enter(keeper, "net")
        put("/proc/sys/net/ipv4/ip_forward", "1")
        bridged = "/proc/sys/net/bridge/bridge-nf-call-iptables"
        if os.path.exists(bridged):  # else what goes between hosts would pass the rules for what leaves the VPC
            put(bridged, "0")

    os.waitpid(fork(settings), 0)
    ip(["link set lo up",
        f"addr add {LAPTOP_GATEWAY}/32 dev lo",
        f"link add name vpc address {ROUTER_MAC} mtu {JUMBO} type bridge forward_delay 0",
        f"addr add {ROUTER}/24 dev vpc",
        "link set vpc up",
        # An address without an instance swallows packets, as on EC2; it does not answer.
        *(f"route add blackhole {net}.0/24" for net in PUBLIC_NETS)], keeper)


def configure_laptop(keeper, laptop):
    ip(["link set lo up",
        f"addr add {LAPTOP}/32 dev lo",
        f"link add name wire type veth peer name wire netns /proc/{keeper}/ns/net",
        "link set wire up"], laptop)
    ip(["link set wire up"], keeper)


def configure_host(index, host_count, router):
    """Called in the host's new network namespace. A VPC answers for every address, so the neighbours are fixed:
    a host that is gone is silence, not "No route to host"."""
    put("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")
    put("/proc/sys/net/ipv4/ping_group_range", "0 2147483647")
    neighbours = [(ROUTER, ROUTER_MAC)] + [(private(i), mac(i)) for i in range(1, host_count + 1) if i != index]
    ip(["link set lo up",
        f"link add name eth0 address {mac(index)} mtu {JUMBO} type veth "
        f"peer name {port(index)} mtu {JUMBO} netns /proc/{router}/ns/net",
        f"addr add {private(index)}/24 dev eth0",
        "link set eth0 up",
        f"route add default via {ROUTER}",
        *(f"neigh replace {address} lladdr {hardware} dev eth0 nud permanent" for address, hardware in neighbours)])


def plug(indices, router):
    """The router's end of the hosts' wires."""
    ip([line for i in indices
        for line in (f"link set dev {port(i)} master vpc up",
                     f"neigh replace {private(i)} lladdr {mac(i)} dev vpc nud permanent")], router)


def unplug(index, router):
    """Both ends of the wire go. It may be gone already, with the host's namespace."""
    tool(["ip", "link", "del", port(index)], router, check=False)


# --- the router's rules ------------------------------------------------------------------------------------------

def apply_rules(state, keeper):
    tool(["nft", "-f", "-"], keeper, router_rules(state) + bridge_rules(state))


def router_rules(state):
    hosts = state["hosts"]
    to_private = ", ".join(f"{h['public']} : {h['private']}" for h in hosts)
    to_public = ", ".join(f"{h['private']} : {h['public']}" for h in hosts)
    cut = 'iifname { "wire", "line" } drop' if state["uplink"]["cut"] else ""
    return f"""
table ip ec2
delete table ip ec2
table ip ec2 {{
    map to_private {{ type ipv4_addr : ipv4_addr; elements = {{ {to_private} }}; }}
    map to_public  {{ type ipv4_addr : ipv4_addr; elements = {{ {to_public} }}; }}
    chain uplink  {{ type filter hook prerouting priority raw; {cut}; }}
    chain arrive  {{ type nat hook prerouting priority dstnat; dnat to ip daddr map @to_private; }}
    # A host that calls a public address (another's or its own) is seen by its public address too.
    chain leave   {{ type nat hook postrouting priority srcnat; ct status dnat snat to ip saddr map @to_public; }}
    chain forward {{
        type filter hook forward priority filter; policy drop;
        {'oifname { "wire", "line" } drop' if cut else ''}
        ct state established,related accept
        # The security group of the tutorial towards the internet: ssh, and ping so that round trips can be measured.
        ct status dnat tcp dport 22 accept
        ct status dnat icmp type echo-request accept
    }}
}}
"""


def bridge_rules(state):
    """Cut links and the security group inside the VPC. Without such faults the bridge forwards unhindered."""
    cut = ", ".join(f'"{port(h["index"])}"' for h in state["hosts"] if "cut" in h["faults"])
    pairs = ", ".join(f"{private(a)} . {private(b)}, {private(b)} . {private(a)}" for a, b in state["firewall"]["pairs"])
    small = ", ".join(private(h["index"]) for h in state["hosts"] if "mtu" in h["faults"])
    large = f"meta length > 1514 ip saddr {{ {small} }} drop; meta length > 1514 ip daddr {{ {small} }} drop;" if small else ""
    rules = "table bridge faults\ndelete table bridge faults\n"
    if not (cut or pairs or small or state["firewall"]["all"]):
        return rules
    filtered = "jump only_ssh" if state["firewall"]["all"] else f"ip saddr . ip daddr {{ {pairs} }} jump only_ssh"
    return rules + f"""
table bridge faults {{
    chain only_ssh {{
        tcp dport 22 accept
        tcp flags & (syn | ack) != syn accept
        ether type ip drop
    }}
    chain arrive  {{ type filter hook prerouting priority -300; {f"iifname {{ {cut} }} drop" if cut else ""}; }}
    chain leave   {{ type filter hook postrouting priority 300; {f"oifname {{ {cut} }} drop" if cut else ""}; }}
    chain forward {{ type filter hook forward priority 0; {large} {filtered if pairs or state["firewall"]["all"] else ""}; }}
}}
"""


# --- rates and round trips ---------------------------------------------------------------------------------------

def bits_per_second(rate):
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kmg]?)(?:bit)?", rate.lower())
    if not match or float(match[1]) == 0:
        raise ClusterError(f"not a rate: {rate} (100mbit, 1.5gbit, 64kbit)")
    return int(float(match[1]) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[match[2]])


def limit_rate(net, device, rate):
    """The rate of what leaves through `device`; None is no limit. The queue in front holds 50 ms."""
    if rate is None:
        if "tbf" in tool(["tc", "qdisc", "show", "dev", device], net):
            tool(["tc", "qdisc", "del", "dev", device, "root"], net)
        return
    bits = bits_per_second(rate)
    burst, limit = max(bits // 8 // 250, 20000), max(bits // 8 // 20, 100000)
    tool(["tc", "qdisc", "replace", "dev", device, "root", "tbf",
          "rate", f"{bits}bit", "burst", str(burst), "limit", str(limit)], net)


def set_uplink(cluster, delay_line):
    """Makes the uplink as state["uplink"] says. `delay_line` gives the path of that program and is asked only if needed."""
    uplink, keeper, laptop = cluster.state["uplink"], cluster.keeper, cluster.laptop
    if uplink["pid"]:
        kill_and_wait(uplink["pid"])  # takes both ends of the line with it
        uplink["pid"] = None
    device = "wire"
    if uplink["rtt"]:
        device = "line"
        uplink["pid"] = start_delay_line(keeper, laptop, delay_line(), uplink["rtt"])
        ip([f"link set {device} mtu 1500 txqueuelen 2000 up"], keeper)
        ip([f"link set {device} mtu 1500 txqueuelen 2000 up"], laptop)
    ip([f"route replace {LAPTOP} dev {device} src {LAPTOP_GATEWAY}"], keeper)
    # 10.0.0.0/8 too: as from a real laptop, private addresses are swallowed on the way, not refused.
    ip([f"route replace {LAPTOP_GATEWAY} dev {device} src {LAPTOP}",
        *(f"route replace {net} via {LAPTOP_GATEWAY} dev {device} src {LAPTOP}"
          for net in ("10.0.0.0/8", *(f"{public}.0/24" for public in PUBLIC_NETS)))], laptop)
    for net in (keeper, laptop):
        limit_rate(net, device, uplink["rate"])


def start_delay_line(keeper, laptop, program, rtt):
    def work():
        ends = []
        for owner in (keeper, laptop):
            enter(owner, "net")  # a TUN device belongs to where its descriptor was opened
            ends.append(open_tun("line"))
        os.execv(program, ["delay_line", str(ends[0]), str(ends[1]), str(int(rtt * 1000 / 2))])

    return launch(work, 0, inside=keeper).result()


def open_tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
    os.set_inheritable(fd, True)
    return fd
