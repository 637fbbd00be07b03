"""The binary without any network, not even loopback. All faults of the command line, list, key and settings are unit tests
(tests/unit/cli), which run the same code in their own process."""

import subprocess

from local_cluster import KEY, LIST


def test_a_good_list_and_key_get_as_far_as_the_network(offline):
    (offline.folder / LIST).write_text("–\ti-0123456789abcdef0\tc5n.large\t203.0.113.11\t2021/06/01 10:00 GMT-7\n")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", offline.folder / KEY], check=True)
    done = offline("exec-all", "true")
    assert done.code == 1 and "203.0.113.11 port 22 cannot be reached" in done.err


def test_a_folder_without_a_list_is_refused(offline):
    done = offline("exec-all", "true")
    assert (done.out, done.code) == ("", 2) and "ec2mpi: no instance list here" in done.err and offline.files() == []
