"""Every cell of table.py on three hosts, and on two for the cloud. Takes hours: ctest -L faults, or a part of it:

    pytest tests/faults/test_faults.py -k 'push and cut'      EC2MPI_FAULTS=slice: the few cells that are part of each run
"""

import os
import sys

import pytest

sys.path.insert(0, str(__import__("pathlib").Path(__file__).parent))
import cell as trial  # noqa: E402
import cloud  # noqa: E402
import commands  # noqa: E402
import table  # noqa: E402

SLICE = [("exec", "stop", "middle"), ("push", "fill", "before"), ("push", "kill-sshd", "middle"), ("run", "refuse", "before"),
         ("pull", "noinodes", "before"), ("login", "rekey", "before"), ("up", "full disk", "middle"), ("down", "EC2 is gone", "end")]
CELLS = SLICE if os.environ.get("EC2MPI_FAULTS") == "slice" else [one for one in table.cells() if table.is_meant(*one)]


@pytest.fixture(scope="module")
def bed(tmp_path_factory):
    bed = commands.Bed(tmp_path_factory.mktemp("bed"))
    try:
        yield bed
    finally:
        said = bed.close()
    assert not said, f"a sanitizer found something:\n{said}"


@pytest.fixture(scope="module")
def cloud_bed(tmp_path_factory):
    bed = cloud.Bed(tmp_path_factory.mktemp("cloud"))
    yield bed
    bed.close()


def cells_of(commands):
    return pytest.mark.parametrize("cell", [one for one in CELLS if one[0] in commands], ids=" ".join)


@cells_of(table.COMMANDS)
def test_what_the_table_says_holds(bed, cell, request):
    if cell in table.OPEN:
        request.applymarker(pytest.mark.xfail(reason=table.OPEN[cell], strict=False))
    try:
        trial.try_cell(bed, *cell)
    except Exception as trouble:  # with -s it shows at once: a row takes long
        print(f"\n{' '.join(cell)}: {trouble}", flush=True)
        raise


@cells_of(table.CLOUD_COMMANDS)
def test_what_the_table_says_of_the_cloud_holds(cloud_bed, cell):
    try:
        cloud.try_cell(cloud_bed, table.expectation(*cell), *cell)
    except Exception as trouble:
        print(f"\n{' '.join(cell)}: {trouble}", flush=True)
        raise
