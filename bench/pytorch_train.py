#!/usr/bin/env python3
"""Trains the DCGAN of PyTorch's example on pictures of an IDX file or a folder, as that example does, and draws pictures: the other side
of docs/evaluation.md and of bench/recipes.

    python3 bench/pytorch_train.py PICTURES OUT [--size 64] [--steps N | --seconds N] [--batch 64] [--filters 64] [--number 10000] [--seed 1]

The networks are those of `limn train dcgan` at the pictures' size (bench/pytorch_step.py), with the example's initial weights,
losses and Adam (2e-4, 0.5); pixels go to [-1, 1]. After the last step --number pictures are drawn in evaluation mode and
in training mode, as the example draws its own (batch statistics), into OUT/eval.npz and OUT/train.npz, which `limn evaluate`
reads; the generator goes into OUT/generator.pth. Pictures of a folder are cut to their middle square and resized to --size, before the clock of
--seconds runs. Prints a line now and then. Needs torch and numpy, and Pillow for a folder.
"""
import argparse
import gzip
import itertools
import pathlib
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from pytorch_step import Dcgan


def unzip(path):
    with gzip.open(path) if str(path).endswith(".gz") else open(path, "rb") as file:
        return file.read()


def read_idx(path):
    data = unzip(path)
    count, height, width = (int.from_bytes(data[4 * i:4 * i + 4], "big") for i in (1, 2, 3))
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=16).reshape(count, 1, height, width).copy())


def picture_files(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg"))


def read_files(files, size):
    from PIL import Image

    pictures = []
    for file in files:
        picture = Image.open(file).convert("RGB")
        side = min(picture.size)
        left, top = ((length - side) // 2 for length in picture.size)
        pictures.append(np.asarray(picture.crop((left, top, left + side, top + side)).resize((size, size), Image.BICUBIC)))
    return torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy())


def read(args):
    if args.pictures.is_dir():
        return read_files(picture_files(args.pictures), args.size)
    return read_idx(args.pictures)


def initialise(module):
    for child in module.modules():
        if isinstance(child, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(child.weight, 0, 0.02)
        elif isinstance(child, nn.BatchNorm2d):
            nn.init.normal_(child.weight, 1, 0.02)
            nn.init.zeros_(child.bias)


def train(model, pictures, args):
    g, d = model.generator, model.discriminator
    adams = [torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for n in (g, d)]
    began, order, at = time.monotonic(), torch.randperm(len(pictures)), 0
    loss = lambda logits, real: F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, real))
    for step in itertools.count(1):
        done = step > args.steps if args.steps else time.monotonic() - began > args.seconds
        if done:
            break
        if at + args.batch > len(order):
            order, at = torch.randperm(len(pictures)), 0
        x = pictures[order[at:at + args.batch]].float().div(127.5).sub(1)
        at += args.batch
        fake = g(torch.randn(args.batch, args.latent, 1, 1))
        d.zero_grad()
        loss_d = loss(d(x), 1.0) + loss(d(fake.detach()), 0.0)
        loss_d.backward()
        adams[1].step()
        g.zero_grad()
        loss_g = loss(d(fake), 1.0)
        loss_g.backward()
        adams[0].step()
        if step % 200 == 0 or step == args.steps:
            print(f"step {step}  {step * args.batch / (time.monotonic() - began):.0f} images/s  "
                  f"loss_d {loss_d.item():.3f}  loss_g {loss_g.item():.3f}", flush=True)


def draw(g, args):
    drawn = []
    with torch.no_grad():
        for first in range(0, args.number, args.batch):
            z = torch.randn(min(args.batch, args.number - first), args.latent, 1, 1)
            drawn.append(g(z).add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8))
    return torch.cat(drawn).permute(0, 2, 3, 1).numpy()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", type=pathlib.Path), parser.add_argument("out", type=pathlib.Path)
    for name, value in (("steps", 0), ("seconds", 0), ("size", 64), ("batch", 64), ("filters", 64), ("latent", 100), ("number", 10000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    if not args.steps and not args.seconds:
        parser.error("give --steps or --seconds")
    torch.manual_seed(args.seed)
    torch.set_flush_denormal(True)
    pictures = read(args)
    model = Dcgan(pictures.shape[1], pictures.shape[-1], args.filters, args.latent)
    initialise(model)
    train(model, pictures, args)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(model.generator.state_dict(), args.out / "generator.pth")
    for mode in ("train", "eval"):
        model.generator.train(mode == "train")
        np.savez(args.out / f"{mode}.npz", images=draw(model.generator, args))


if __name__ == "__main__":
    main()
