#!/usr/bin/env python3
"""The other side of bench/evaluate: a pretrained network's original in PyTorch on the CPU (tests/fixtures/features/originals.py says
which), with random weights.

    pytorch_features.py make NETWORK FOLDER COUNT              writes FOLDER/weights.pth, FOLDER/pictures (bytes), FOLDER/features (floats)
    pytorch_features.py time NETWORK FOLDER MODE BATCH         by the lines of tests/bench/feature_times.c: "memory", and empty ones

MODE is eager, channels_last or compile. What the network is given are bytes, which it, or this, scales. Needs torch, numpy,
safetensors, and of torchvision, torch-fidelity and efficientnet_lite_pytorch the one that has the network."""
import pathlib
import resource
import sys
import time

import numpy as np
import torch

TESTS = pathlib.Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS / "fixtures/features"), str(TESTS / "features")]
from originals import SCALES, build, taps_of  # noqa: E402
from whole import SIDES, randomise  # noqa: E402

CHECKED = 4
JUDGES = {"i": "2048", "v": "fc2"}  # by a name's first letter; else "pool"


def scaled(name, pictures):
    scale, shift = (torch.tensor(v, dtype=torch.float32).reshape(1, 3, 1, 1) for v in SCALES[name])
    return pictures * scale + shift


def make(name, folder, count):
    torch.manual_seed(0)
    side = SIDES.get(name, 224)
    module = build(name).eval()
    randomise(module)
    torch.save(module.state_dict(), folder / "weights.pth")
    pictures = np.random.default_rng(1).integers(0, 256, (count, 3, side, side), dtype=np.uint8)
    pictures.tofile(folder / "pictures")
    taps = taps_of(name, module, scaled(name, torch.from_numpy(pictures[:CHECKED])))
    taps[JUDGES.get(name[0], "pool")].float().numpy().tofile(folder / "features")


def forward_of(name, module, form):
    """Of bytes: as the original is called. torch-fidelity's takes them itself."""
    if name == "inception_fid":
        return lambda x: module(x)
    return lambda x: module(scaled(name, x).contiguous(memory_format=form))


def serve(name, folder, mode, batch):
    form = torch.contiguous_format if mode == "eager" else torch.channels_last
    module = build(name).eval()
    module.load_state_dict(torch.load(folder / "weights.pth", weights_only=True))
    forward = forward_of(name, module.to(memory_format=form), form)
    if mode == "compile":
        forward = torch.compile(forward)
    side = SIDES.get(name, 224)
    pictures = torch.from_numpy(np.fromfile(folder / "pictures", np.uint8).reshape(-1, 3, side, side))
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, {batch} pictures a pass",
          flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            print(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
            continue
        begin = time.perf_counter()
        for first in range(0, len(pictures), batch):
            forward(pictures[first:first + batch].contiguous(memory_format=form))
        print(f"{1e3 * (time.perf_counter() - begin):.3f}", flush=True)


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    what, network, where, *rest = sys.argv[1:]
    with torch.inference_mode():
        if what == "make":
            make(network, pathlib.Path(where), int(rest[0]))
        else:
            serve(network, pathlib.Path(where), rest[0], int(rest[1]))
