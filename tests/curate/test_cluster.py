"""The same bytes from a Ray cluster of two nodes as from one process; needs the optional package ray."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import corpus
from sparkgap.curate import CurateOptions, curate
from sparkgap.curate.executors import in_order

pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("ignore")]  # ray's own warnings are its own


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".scan" not in path.parts
    }


def test_two_nodes_give_the_bytes_of_one_process(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    def where(_: None, task: int) -> tuple[int, str]:
        import time

        import ray

        time.sleep(0.2)
        return task, ray.get_runtime_context().get_node_id()

    sources = corpus.build(tmp_path / "corpus")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        told = list(in_order(where, None, range(12), ray=cluster.address))
        assert [task for task, _ in told] == list(range(12))
        assert len({node for _, node in told}) == 2
        quick = {"against": ("hello",), "behaviour": False, "proof": False}
        spread = curate(sources, tmp_path / "spread", CurateOptions(**quick, ray=cluster.address))
        alone = curate(sources, tmp_path / "alone", CurateOptions(**quick))
        assert hashes(spread.folder) == hashes(alone.folder)
    finally:
        cluster.shutdown()
