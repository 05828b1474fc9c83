#!/usr/bin/env python3
"""Trains in PyTorch what `limn train` can repeat: the same weights, pictures and noise, for bench/vs_pytorch.

    python3 bench/pytorch_losses.py FOLDER dcgan|sngan|r3gan|projected|vae [--steps 6] [options of pytorch_step.py]

Into FOLDER go weights.safetensors, with the names that `limn train --init` reads, and pictures.npy, a batch for each step. The
step is the one that pytorch_step.py times; z or epsilon and the order of the pictures are those of `limn train --seed 7`
(docs/randomness.md). Prints a JSON object: the losses, each a list over the steps. Needs torch, numpy and safetensors.
"""
import json
import pathlib
import sys

import numpy as np
import torch
from pytorch_step import MODELS, layout, make_model, make_step, options, prepare
from safetensors.torch import save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/fixtures"))
from philox import Philox, check_philox  # noqa: E402

SEED = 7
STREAM_LATENT, STREAM_EPSILON, STREAM_ORDER = 0, 1, 3
STREAM_PICTURES = 1000  # the tests' own


def make_pictures(count, channels, size):
    """Bright rectangles under noise: what is learnt within a few steps, so that a wrong step shows in the loss."""
    random = Philox(SEED)
    pictures = np.zeros((count, channels, size, size), np.uint8)
    for picture, (u, v, level) in zip(pictures, random.uniform(STREAM_PICTURES, 0, (count, 3))):
        top, left = int(u * size * 3 / 4), int(v * size * 3 / 4)
        picture[:, top : top + size // 3, left : left + size // 4] = 128 + int(127 * level)
    return pictures // 2 + (128 * random.uniform(STREAM_PICTURES, 1, pictures.shape)).astype(np.uint8)


def write_weights(path, model):
    """All but PyTorch's count of a BatchNorm's batches, which Limn has no use for."""
    weights = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in model.state_dict().items()}
    save_file({name: tensor for name, tensor in weights.items() if not name.endswith("num_batches_tracked")}, path)


def batches(args, pictures):
    """Calls for one batch after the other: pictures, and z or epsilon."""
    random = Philox(SEED)
    order = random.permutation(STREAM_ORDER, 0, len(pictures))
    gan = MODELS[args.model][5] == "tanh"
    stream = STREAM_LATENT if gan else STREAM_EPSILON
    step = 0

    def next_batch():
        nonlocal step
        x = torch.from_numpy(pictures[order[step * args.batch : (step + 1) * args.batch]].astype(np.float32))
        x = x / 127.5 - 1 if gan else x / 255
        noise = torch.from_numpy(random.normal(stream, step, (args.batch, args.latent, 1, 1)))
        step += 1
        return x.to(memory_format=layout(args)), noise

    return next_batch


def main():
    parser = options()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=6)
    args = parser.parse_args()
    prepare(args)
    check_philox()
    torch.manual_seed(SEED)
    model = make_model(args)
    pictures = make_pictures(args.steps * args.batch, args.channels, args.size)
    write_weights(args.folder / "weights.safetensors", model)
    np.save(args.folder / "pictures.npy", pictures.squeeze(1) if args.channels == 1 else pictures)
    step = make_step(args, model, batches(args, pictures))
    losses = [step() for _ in range(args.steps)]
    print(json.dumps({name: [sum(map(float, at[name])) for at in losses] for name in losses[0]}))


main()
