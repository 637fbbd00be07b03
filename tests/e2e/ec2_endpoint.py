"""The EC2 endpoint of tests/ec2 and its clients: the program under test, and Debian's `aws`."""

import fcntl
import json
import subprocess

from local_cluster import TESTS, Program

ENDPOINT = TESTS / "ec2" / "endpoint"
SECRET = "secret-of-the-tests"


class Ec2:
    """The endpoint at work."""

    def __init__(self, cluster, folder, *options):
        self.state_file = folder / "ec2.json"
        self.process = subprocess.Popen([ENDPOINT, "--cluster", cluster.name, "--state", self.state_file, *options],
                                        stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self.process.stdout.readline().strip()}"
        self.environment = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-2",
                            "AWS_DEFAULT_REGION": "us-east-2", "AWS_ENDPOINT_URL": self.url,
                            "AWS_EC2_METADATA_DISABLED": "true", "EC2MPI_ADDRESS_SERVICE": self.url}

    def fault(self, kind, action="", times=1):
        words = ["--action", action] if action else []
        subprocess.run([ENDPOINT, "--state", self.state_file, "--fault", kind, *words, "--times", str(times)], check=True)

    def release(self):
        subprocess.run([ENDPOINT, "--state", self.state_file, "--release"], check=True)

    def change(self, **values):
        """Writes into the state what only the account's owner could change elsewhere."""
        with open(f"{self.state_file}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.state_file.write_text(json.dumps(self.state() | values))

    def state(self):
        return json.loads(self.state_file.read_text())

    def calls(self, action):
        return self.state()["calls"].count(action)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class InTheCloud(Program):
    """The program with an account; all that it says and logs is kept, so that the end can look for secrets."""

    def __init__(self, folder, cluster, ec2):
        super().__init__(folder, cluster)
        self.ec2, self.said = ec2, ""

    def __call__(self, *args, env=None, **options):
        done = super().__call__(*args, env=self.ec2.environment | (env or {}), **options)
        log = self.folder / ".ec2mpi/last.log"
        self.said += done.out + done.err + (log.read_text(errors="replace") if log.exists() else "")
        return done


def aws(ec2mpi, *words):
    """Debian's own client, on the same laptop, in the same account."""
    done = ec2mpi.cluster.exec(["env", *(f"{k}={v}" for k, v in ec2mpi.ec2.environment.items()), "/usr/bin/aws", "--endpoint-url",
                                ec2mpi.ec2.url, "--output", "json", "ec2", *words])
    assert done.code == 0, done.err
    return json.loads(done.out or "null")
