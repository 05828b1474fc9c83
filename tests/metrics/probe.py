"""Holds the measure probe of `limn evaluate` to PyTorch and scikit-learn: a run's discriminator rebuilt from its checkpoint, its
activations max-pooled to 4x4, and a logistic regression on them with the C that Limn chose.

    pip install torch scikit-learn safetensors numpy
    python3 tests/metrics/probe.py build/release/limn RUN PICTURES HELD_OUT [COUNT]

RUN: a DCGAN that was trained on PICTURES at their size with validation 0; PICTURES, HELD_OUT: IDX files (.gz) of grey pictures
with their labels beside them; COUNT of PICTURES are learned from (default 4000). Prints both accuracies on HELD_OUT; exit code 1
where they differ by more than 0.005. A few minutes.
"""

import gzip
import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import torch
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "fixtures"))
from philox import Philox

CHOICE = 18  # docs/randomness.md
SEED = 1


def read_idx(path):
    data = gzip.open(path).read()
    dims = data[3]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(np.frombuffer(data, ">u4", dims, 4))


def read_labels(path):
    return read_idx(re.sub("images-idx3", "labels-idx1", str(path)))


def pool(x):
    """Windows that cover a side exactly, four of them, all alike."""
    sides = x.shape[2:]
    strides = [max(side // 4, 1) for side in sides]
    return torch.nn.functional.max_pool2d(x, [side - 3 * stride for side, stride in zip(sides, strides)], strides)


def layers(weights, x):
    """DCGAN's discriminator in evaluation mode, by the numbers of its layers."""
    numbers = sorted({int(name.split(".")[2]) for name in weights if re.fullmatch(r"discriminator\.main\.\d+\.weight", name)})
    last = numbers[-1]
    for number in numbers:
        w = {what: torch.from_numpy(weights[f"discriminator.main.{number}.{what}"]) for what in ("weight", "bias", "running_mean", "running_var") if f"discriminator.main.{number}.{what}" in weights}
        if number == last:
            return
        if w["weight"].dim() == 4:
            x = torch.nn.functional.conv2d(x, w["weight"], stride=2, padding=1)
        else:
            x = torch.nn.functional.batch_norm(x, w["running_mean"], w["running_var"], w["weight"], w["bias"], eps=1e-5)
        if number == 0 or w["weight"].dim() == 1:
            x = torch.nn.functional.leaky_relu(x, 0.2)
            yield x


def features(weights, pictures):
    rows = []
    with torch.no_grad():
        for i in range(0, len(pictures), 200):
            x = torch.from_numpy(pictures[i : i + 200].astype(np.float32) / 127.5 - 1)[:, None]
            rows.append(torch.cat([pool(y).flatten(1) for y in layers(weights, x)], 1).numpy())
    return np.concatenate(rows)


def main():
    limn, run, pictures, held_out, *count = sys.argv[1:]
    count = int(count[0]) if count else 4000
    command = [limn, "evaluate", run, "--metrics", "probe", "--data", pictures, "--held-out", held_out, "--data-number", str(count), "--seed", str(SEED), "--json"]
    told = {score["name"]: score for score in json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["scores"]}
    ours = told["probe accuracy"]["value"]
    about = told["on those it learned from"]["protocol"]
    c, width = float(re.search(r"C ([\d.e+-]+)", about)[1]), int(re.search(r"(\d+) numbers", about)[1])
    weights = load_file(next(pathlib.Path(run, "checkpoints").glob("latest")).resolve())
    x, y = read_idx(pictures), read_labels(pictures)
    chosen = np.sort(Philox(SEED).permutation(CHOICE, 0, len(x))[:count])
    learn, test = features(weights, x[chosen]), features(weights, read_idx(held_out))
    assert learn.shape[1] == width, (learn.shape, about)
    scaler = StandardScaler().fit(learn.astype(np.float64))
    model = LogisticRegression(C=c, max_iter=2000).fit(scaler.transform(learn.astype(np.float64)), y[chosen])
    theirs = model.score(scaler.transform(test.astype(np.float64)), read_labels(held_out))
    on_own = model.score(scaler.transform(learn.astype(np.float64)), y[chosen])
    print(f"{about}\nunseen pictures   {ours:.4f}  {theirs:.4f}\nthose of learning {told['on those it learned from']['value']:.4f}  {on_own:.4f}")
    sys.exit(abs(ours - theirs) > 0.005)


if __name__ == "__main__":
    main()
