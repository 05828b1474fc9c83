#!/usr/bin/env python3
"""Trains the VAE of `limn train vae` in PyTorch on the pictures of an IDX file, and draws pictures: the other side of bench/vae.

    python3 bench/pytorch_vae.py PICTURES TEST OUT [--epochs 10] [--batch 64] [--filters 32] [--latent 128] [--number 5000] [--seed 1]

The networks are those of bench/pytorch_step.py with PyTorch's own initial weights, a Bernoulli likelihood of pixels in [0, 1], Adam (1e-3). After the last
epoch --number means of the decoder at codes from N(0, 1) go into OUT/samples.npz, and one JSON object is printed: the objective (-ELBO, one code a picture)
in nats over the pictures of TEST, and the seconds of training. Needs torch and numpy.
"""
import argparse
import json
import pathlib
import time

import numpy as np
import torch
from torch.nn import functional as F

from pytorch_step import Vae
from pytorch_train import read_idx


def objective(model, x, latent):
    logits, mu, logvar = model(x, torch.randn(len(x), latent, 1, 1))
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return reconstruction + 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum()


def train(model, pictures, args):
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    for epoch in range(args.epochs):
        order = torch.randperm(len(pictures))
        for first in range(0, len(order) - args.batch + 1, args.batch):
            loss = objective(model, pictures[order[first:first + args.batch]].float().div(255), args.latent) / args.batch
            adam.zero_grad()
            loss.backward()
            adam.step()
        print(f"epoch {epoch + 1}: {loss.item():.2f} nats", flush=True)


def main():
    parser = argparse.ArgumentParser()
    for name in ("pictures", "test", "out"):
        parser.add_argument(name, type=pathlib.Path)
    for name, value in (("epochs", 10), ("batch", 64), ("filters", 32), ("latent", 128), ("number", 5000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_flush_denormal(True)
    pictures, test = read_idx(args.pictures), read_idx(args.test)
    model = Vae(pictures.shape[1], pictures.shape[-1], args.filters, args.latent)
    began = time.monotonic()
    train(model, pictures, args)
    seconds = time.monotonic() - began
    model.eval()
    with torch.no_grad():
        nats = sum(objective(model, x.float().div(255), args.latent).item() for x in test.split(500)) / len(test)
        drawn = torch.cat([model.decoder(torch.randn(500, args.latent, 1, 1)).sigmoid() for _ in range(-(-args.number // 500))])[:args.number]
    args.out.mkdir(parents=True, exist_ok=True)
    np.savez(args.out / "samples.npz", images=drawn.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())
    print(json.dumps({"objective": nats, "seconds": seconds}))


if __name__ == "__main__":
    main()
