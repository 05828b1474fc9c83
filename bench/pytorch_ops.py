#!/usr/bin/env python3
"""The other side of bench/ops: single ops in PyTorch on the CPU, by the words and lines of tests/bench/op_times.c, and mode=eager or
mode=channels_last. Needs torch.

To add an op, add a function that returns what to run, and its row in OPS."""
import sys
import time

import torch
from torch.nn import functional as F

SECONDS, LEAST_RUNS = 0.02, 1


class Request:
    def __init__(self, line):
        self.name, *words = line.split()
        self.words = dict(word.split("=") for word in words)
        self.format = torch.channels_last if self.words["mode"] == "channels_last" else torch.contiguous_format
        self.kind = self.words["pass"]

    def numbers(self, key, default=(0, 0)):
        return tuple(map(int, self.words[key].split(","))) if key in self.words else default

    def random(self, shape):
        return torch.randn(shape).contiguous(memory_format=self.format)


def conv(r):
    x, w = r.random(r.numbers("x")), r.random(r.numbers("w"))
    stride, pad, more, groups = r.numbers("stride", (1, 1)), r.numbers("pad"), r.numbers("more"), r.numbers("groups", (1,))[0]
    if max(more):  # PyTorch pads both sides alike: what is more is a tensor of its own
        around, pad = (pad[1], pad[1] + more[1], pad[0], pad[0] + more[0]), (0, 0)
        forward = lambda: F.conv2d(F.pad(x, around), w, None, stride, 0, 1, groups)  # noqa: E731
    else:
        around = None
        forward = lambda: F.conv2d(x, w, None, stride, pad, 1, groups)  # noqa: E731
    if r.kind == "forward":
        return forward
    padded = F.pad(x, around).contiguous(memory_format=r.format) if around else x
    g = r.random(forward().shape)
    mask = [r.kind == "data", r.kind == "weights", False]
    def backward():
        made = torch.ops.aten.convolution_backward(g, padded, w, None, stride, pad, (1, 1), False, (0, 0), groups, mask)[0 if mask[0] else 1]
        return F.pad(made, [-n for n in around]) if around and mask[0] else made
    return backward


def unary(forward, backward):
    def op(r):
        x = r.random(r.numbers("x"))
        g = r.random(x.shape)
        y = forward(x)
        return (lambda: forward(x)) if r.kind == "forward" else (lambda: backward(g, x, y))
    return op


def pooled(r):
    """x, and the window, stride and padding of its pooling."""
    return r.random(r.numbers("x")), *(2 * r.numbers(key, default) for key, default in (("window", (1,)), ("stride", (1,)), ("pad", (0,))))


def max_pool(r):
    x, *how = pooled(r)
    y, indices = torch.ops.aten.max_pool2d_with_indices(x, *how)
    g = r.random(y.shape)
    backward = lambda: torch.ops.aten.max_pool2d_with_indices_backward(g, x, *how, (1, 1), False, indices)  # noqa: E731
    return (lambda: F.max_pool2d(x, *how)) if r.kind == "forward" else backward


def avg_pool(r):
    x, *how = pooled(r)
    g = r.random(F.avg_pool2d(x, *how).shape)
    backward = lambda: torch.ops.aten.avg_pool2d_backward(g, x, *how, False, True, None)  # noqa: E731
    return (lambda: F.avg_pool2d(x, *how)) if r.kind == "forward" else backward


def resample(mode, backward):
    def op(r):
        x, side = r.random(r.numbers("x")), r.numbers("to")[0]
        g = r.random((*x.shape[:2], side, side))
        return (lambda: F.interpolate(x, (side, side), mode=mode)) if r.kind == "forward" else lambda: backward(g, [side, side], list(x.shape))
    return op


OPS = {
    "conv": conv,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "nearest": resample("nearest", torch.ops.aten.upsample_nearest2d_backward),
    "bilinear": resample("bilinear", lambda g, to, of: torch.ops.aten.upsample_bilinear2d_backward(g, to, of, False)),
    "clamp": unary(lambda x: F.hardtanh(x, 0, 6), lambda g, x, y: torch.ops.aten.hardtanh_backward(g, x, 0, 6)),
    "log_softmax": unary(lambda x: F.log_softmax(x, 1), lambda g, x, y: torch.ops.aten._log_softmax_backward_data(g, y, 1, torch.float32)),
}


def milliseconds(run):
    begin, runs = time.perf_counter(), 0
    while runs < LEAST_RUNS or time.perf_counter() - begin < SECONDS:
        run()
        runs += 1
    return 1e3 * (time.perf_counter() - begin) / runs


def main():
    torch.set_flush_denormal(True)
    print(f"PyTorch {torch.__version__}: CPU, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}", flush=True)
    run = None
    with torch.no_grad():
        for line in sys.stdin:
            if line.strip():
                request = Request(line)
                run = OPS[request.name](request)
                run()
                print(request.name, flush=True)
            else:
                print(f"{milliseconds(run):.6f}", flush=True)


if __name__ == "__main__":
    main()
