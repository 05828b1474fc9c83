#!/usr/bin/env python3
"""The other side of bench/measures: torch-fidelity, and the package prdc, on features that are there already.

    pytorch_measures.py make FOLDER COUNT WIDTH CLASSES     writes FOLDER/pictures, data and logits (floats), by chance
    pytorch_measures.py time FOLDER COUNT WIDTH CLASSES     by the lines of tests/bench/measure_times.c

Needs torch, numpy, scipy, torch-fidelity and prdc."""
import contextlib
import io
import pathlib
import resource
import sys
import time

import numpy as np


def make(folder, count, width, classes):
    """As behind a pooling: not negative, with fewer directions than numbers."""
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(64, width)).astype(np.float32) / 8
    for name, shift, scale in (("pictures", 0.15, 0.9), ("data", 0, 1)):
        x = rng.normal(size=(count, 64)).astype(np.float32) * scale @ directions + rng.normal(size=(count, width)).astype(np.float32) / 4 + shift
        np.maximum(x, 0).astype(np.float32).tofile(folder / name)
    (2 * rng.normal(size=(count, classes))).astype(np.float32).tofile(folder / "logits")


def measures(folder, count, width, classes):
    import prdc
    import torch
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_isc import isc_features_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    pictures, data, logits = (torch.from_numpy(np.fromfile(folder / name, np.float32).reshape(count, -1)) for name in ("pictures", "data", "logits"))
    assert pictures.shape[1] == width and logits.shape[1] == classes

    def prdc_quietly():
        with contextlib.redirect_stdout(io.StringIO()):
            return prdc.compute_prdc(data.numpy(), pictures.numpy(), nearest_k=5)["coverage"]

    return {
        "fd": lambda: fid_statistics_to_metric(fid_features_to_statistics(pictures), fid_features_to_statistics(data), False)["frechet_inception_distance"],
        "kid": lambda: kid_features_to_metric(pictures, data, kid_subsets=100, kid_subset_size=1000, verbose=False)["kernel_inception_distance_mean"],
        "is": lambda: isc_features_to_metric(logits)["inception_score_mean"],
        "pr": lambda: prc_features_to_metric(pictures, data, verbose=False)["precision"],
        "prdc": prdc_quietly,
    }


def serve(*args):
    import torch
    import torch_fidelity

    take = measures(*args)
    print(f"PyTorch {torch.__version__}, torch-fidelity {torch_fidelity.__version__}, {torch.get_num_threads()} threads", flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            print(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
            continue
        begin = time.perf_counter()
        value = take[line.strip()]()
        print(f"{1e3 * (time.perf_counter() - begin):.3f} {value!r}".replace("np.float64(", "").replace(")", ""), flush=True)


if __name__ == "__main__":
    {"make": make, "time": serve}[sys.argv[1]](pathlib.Path(sys.argv[2]), *map(int, sys.argv[3:]))
