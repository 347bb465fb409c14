"""One near-deduplicator at work: `dedupers.py NAME LOAD OUT PARAMETERS`, in a process that the bench pins to one core.

LOAD is JSON Lines with a `text` each. OUT gets, as JSON, a cluster's number for each text and the CPU seconds from the
texts in memory to the clusters; imports and the reading of LOAD do not count. It is also run by the peers' Python, so
nothing but the contender's own package is imported.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Parameters = dict[str, int]


def sparkgap(texts: list[str], given: Parameters) -> Callable[[], list[int]]:
    """Sparkgap's own parts, in the order in which `curate` calls them."""
    import numpy as np
    import rensa  # type: ignore[import-untyped]  # noqa: F401

    from sparkgap.curate.minhash import NearOptions, bands, signatures
    from sparkgap.curate.near import link
    from sparkgap.curate.shingles import grams, words

    options = NearOptions(given["permutations"], given["bands"], given["rows"], given["ngram"])
    words("warm")

    def run() -> list[int]:
        signed = np.concatenate([
            signatures([np.unique(grams(words(text), options.ngram)) for text in texts[start : start + 256]], options)
            for start in range(0, len(texts), 256)
        ])  # fmt: skip
        found = link(bands(signed, options).T, signed)
        return [int(each) for each in found.clusters(len(texts), given["percent"] / 100)]

    return run


def datasketch(texts: list[str], given: Parameters) -> Callable[[], list[int]]:
    """MinHash and MinHashLSH of datasketch, used as its documentation shows, with words split as Sparkgap does."""
    import re

    from datasketch import MinHash, MinHashLSH  # type: ignore[import-not-found]

    word = re.compile(r"\w+")

    def run() -> list[int]:
        lsh = MinHashLSH(num_perm=given["permutations"], params=(given["bands"], given["rows"]))
        label = list(range(len(texts)))

        def root(place: int) -> int:
            while label[place] != place:
                label[place] = place = label[label[place]]
            return place

        for place, text in enumerate(texts):
            found = word.findall(text.lower())
            signed = MinHash(num_perm=given["permutations"])
            size = given["ngram"]
            shingles = {" ".join(found[at : at + size]).encode() for at in range(max(1, len(found) - size + 1))}
            signed.update_batch(list(shingles))
            for other in lsh.query(signed):
                low, high = sorted((root(other), root(place)))
                label[high] = low
            lsh.insert(place, signed)
        return [root(place) for place in range(len(texts))]

    return run


def datatrove(texts: list[str], given: Parameters) -> Callable[[], list[int]]:
    """The four MinHash steps of datatrove up to its clusters, one task each, on one core."""
    import struct

    from datatrove.data import Document  # type: ignore[import-not-found]
    from datatrove.pipeline.dedup import minhash  # type: ignore[import-not-found]
    from datatrove.utils.logging import logger  # type: ignore[import-not-found]

    logger.remove()
    config = minhash.MinhashConfig(n_grams=given["ngram"], num_buckets=given["bands"], hashes_per_bucket=given["rows"])
    place = Path(tempfile.mkdtemp())
    signing = minhash.MinhashDedupSignature(str(place / "signatures"), config)
    signing.get_shingles("warm words are these ones here")

    def run() -> list[int]:
        documents = (Document(text=text, id=str(number)) for number, text in enumerate(texts))
        for _ in signing.run(documents, 0, 1) or ():
            pass
        buckets = minhash.MinhashDedupBuckets(str(place / "signatures"), str(place / "buckets"), config=config)
        for bucket in range(config.num_buckets):
            buckets.run(None, bucket, config.num_buckets)
        minhash.MinhashDedupCluster(str(place / "buckets"), str(place / "clusters"), config, save_cluster_id=True).run()
        clusters = list(range(len(texts)))
        for path in (place / "clusters").glob("*.clusters"):
            for document, cluster in struct.iter_unpack("<2I", path.read_bytes()):
                clusters[document] = len(texts) + cluster
        return clusters

    return run


CONTENDERS: dict[str, Any] = {each.__name__: each for each in (sparkgap, datasketch, datatrove)}


def main() -> None:
    """Run one contender."""
    name, load, out, parameters = sys.argv[1:]
    with open(load, encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    run = CONTENDERS[name](texts, json.loads(parameters))
    began = time.process_time()
    clusters = run()
    Path(out).write_text(json.dumps({"cpu_s": time.process_time() - began, "clusters": clusters}), "utf-8")


if __name__ == "__main__":
    main()
