#!/usr/bin/python3
"""Takes pictures of a real report in headless Chromium: report.py, into docs/report-light.png and docs/report-dark.png.

It needs root, for a local cluster of four hosts, Chromium, and the program of the dev build or $EC2MPI_BINARY. A series with a
parameter runs there, and a measurement of the network; the report shows both.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
from local_cluster import Cluster, Program  # noqa: E402

# The time of a rank is a wait, so that the picture shows the same on a machine of any size.
PROGRAM = """import sys, time
from mpi4py import MPI
comm = MPI.COMM_WORLD
if comm.size == 6:
    sys.exit("grid: 6 ranks do not divide 64 cells")
began = time.time()
comm.Barrier()
time.sleep(4 / comm.size)
print(f"rank {comm.rank} on {MPI.Get_processor_name()}", flush=True)
total = comm.reduce(64 // comm.size)
if comm.rank == 0:
    print(f"cells={total}")
    print(f"seconds={time.time() - began:.2f}")
"""
SETTINGS = """[jobs.grid]
command = "python3 grid.py"
np = "{np}"

[prices]
"c5n.large" = 0.108
"""
SIZE = "820,1960"


def call(program, *words):
    done = program(*words, timeout=300)
    print(" ".join(words), "->", done.code, file=sys.stderr)
    return done


def take_picture(page, file, *flags):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={SIZE}",
                    f"--screenshot={file}", *flags, page], check=True, stderr=subprocess.DEVNULL, timeout=240,
                   env={"HOME": str(page.parent), "PATH": os.environ["PATH"]})


def main():
    cluster = Cluster("demo-report")
    try:
        program = Program(pathlib.Path(tempfile.mkdtemp()), cluster.up(4))
        (program.folder / "ec2mpi.toml").write_text(SETTINGS)
        (program.folder / "grid.py").write_text(PROGRAM)
        for words in (["setup"], ["net"], ["push", "grid.py", "."], ["run", "grid", "--set", "np=1,2,4,6,8"], ["report", "grid"]):
            call(program, *words)
        page = program.folder / "report.html"
        take_picture(page, ROOT / "docs/report-light.png")
        take_picture(page, ROOT / "docs/report-dark.png", "--force-dark-mode")
    finally:
        cluster.down()


if __name__ == "__main__":
    main()
