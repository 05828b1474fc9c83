#!/usr/bin/env python3
"""Trains a classifier on labelled pictures, as a second judge for `limn evaluate --features FILE`: one that knows the data, and that no
model was trained with.

    python3 bench/pytorch_classifier.py IMAGES.idx LABELS.idx OUT.pth [--epochs 3] [--size 32] [--seed 1]
    python3 bench/pytorch_classifier.py FOLDER LABELS.csv OUT.pth ...

torchvision's ResNet-18 from random weights, on the pictures at --size pixels a side, three equal channels, ImageNet's scale, as
`limn evaluate --feature-size SIZE` shows them. Adam 1e-3, a cosine to 0, batches of 128, moved by up to two pixels. Its features are of its last pooling (512).
Pictures of a folder that the labels (`bench/emoji.py --labels`) do not name are left out. Needs torch, torchvision and numpy, and Pillow for a folder."""
import argparse
import csv
import math
import pathlib

import torch
import torchvision
from torch.nn import functional as F

from pytorch_train import picture_files, read_files, read_idx, unzip


def to_input(pictures, size):
    x = F.interpolate(pictures.float().div(255), (size, size), mode="bicubic", antialias=True, align_corners=False).clamp(0, 1).expand(-1, 3, -1, -1)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (x - mean.view(1, 3, 1, 1)) / deviation.view(1, 3, 1, 1)


def read_labelled_folder(folder, table, size):
    with open(table, newline="") as file:
        named = dict(list(csv.reader(file))[1:])
    files = [file for file in picture_files(folder) if file.name in named]
    classes = sorted(set(named.values()))
    return read_files(files, size), torch.tensor([classes.index(named[file.name]) for file in files])


def read(args):
    """Pictures and labels, in an order of its own where classes may lie together."""
    if not args.images.is_dir():
        return read_idx(args.images), torch.frombuffer(bytearray(unzip(args.labels)), dtype=torch.uint8, offset=8).long()
    pictures, labels = read_labelled_folder(args.images, args.labels, args.size)
    order = torch.randperm(len(pictures))
    return pictures[order], labels[order]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("images", type=pathlib.Path), parser.add_argument("labels"), parser.add_argument("out")
    for name, value in (("epochs", 3), ("size", 32), ("seed", 1), ("batch", 128)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_flush_denormal(True)
    pictures, labels = read(args)
    model = torchvision.models.resnet18(num_classes=1000)
    held = len(pictures) // 30
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    steps = args.epochs * ((len(pictures) - held) // args.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps)))
    order = torch.randperm(len(pictures) - held)
    for step in range(steps):
        at = step * args.batch % (len(order) - args.batch)
        rows = order[at:at + args.batch] + held
        dy, dx = torch.randint(-2, 3, (2,)).tolist()
        loss = F.cross_entropy(model(torch.roll(to_input(pictures[rows], args.size), (dy, dx), (2, 3))), labels[rows])
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}/{steps}  loss {loss.item():.3f}", flush=True)
    model.eval()
    with torch.no_grad():
        right = torch.cat([model(to_input(pictures[i:min(i + 200, held)], args.size)).argmax(1) for i in range(0, held, 200)]) == labels[:held]
    print(f"right about {right.float().mean().item():.4f} of {held} held-out pictures")
    torch.save(model.state_dict(), args.out)


main()
