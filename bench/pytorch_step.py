#!/usr/bin/env python3
"""The training steps of `limn bench step dcgan|vae`, in PyTorch: the other side of docs/performance.md.

    python3 bench/pytorch_step.py dcgan|vae [--batch 64] [--size 64] [--mode eager|channels_last|compile|graph]
        [--device cpu|cuda] [--precision fp32|tf32|bf16] [--rounds 5] [--steps-per-round N] [--warmup N]

The DCGAN is PyTorch's own example (64 filters, 100 latents, BCE with logits, Adam): real and fake pass, the generator's
step on the same fake pictures. The VAE has the layers of Limn's (32-64-128-256 filters, latent 128, Bernoulli likelihood).

eager is NCHW; the other modes are channels-last. compile is torch.compile, on a GPU with its CUDA graphs; graph captures
the whole step, optimisers included, as one CUDA graph. bf16 is autocast around the forward passes. On a GPU cuDNN picks its
engines by timing them and Adam is the fused one, and a round ends when the GPU has finished. Prints one JSON object; times
are of a step. Needs torch.
"""
import argparse
import contextlib
import json
import resource
import statistics
import time

started = time.monotonic()
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402


def halvings(size):
    sizes = [size]
    while sizes[-1] % 2 == 0 and sizes[-1] >= 8:
        sizes.append(sizes[-1] // 2)
    return sizes


def dcgan(channels, size, filters, latent):
    sizes = halvings(size)
    levels, base = len(sizes) - 1, sizes[-1]
    widths = [filters << k for k in range(levels)]
    g = [nn.ConvTranspose2d(latent, widths[-1], base, 1, 0, bias=False)]
    for level in reversed(range(levels)):
        g += [nn.BatchNorm2d(widths[level]), nn.ReLU(True)]
        g += [nn.ConvTranspose2d(widths[level], widths[level - 1] if level else channels, 4, 2, 1, bias=False)]
    d = []
    for level in range(levels):
        d += [nn.Conv2d(widths[level - 1] if level else channels, widths[level], 4, 2, 1, bias=False)]
        d += [nn.BatchNorm2d(widths[level])] if level else []
        d += [nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*g, nn.Tanh()), nn.Sequential(*d, nn.Conv2d(widths[-1], 1, base, 1, 0, bias=False))


class Vae(nn.Module):
    def __init__(self, channels, size, filters, latent):
        super().__init__()
        sizes = halvings(size)
        levels, base = len(sizes) - 1, sizes[-1]
        widths = [filters << k for k in range(levels)]
        e, d = [], [nn.ConvTranspose2d(latent, widths[-1], base)]
        for level in range(levels):
            e += [nn.Conv2d(widths[level - 1] if level else channels, widths[level], 4, 2, 1), nn.ReLU(True)]
        for level in reversed(range(levels)):
            d += [nn.ReLU(True), nn.ConvTranspose2d(widths[level], widths[level - 1] if level else channels, 4, 2, 1)]
        self.encoder, self.decoder = nn.Sequential(*e), nn.Sequential(*d)
        self.mu, self.logvar = nn.Conv2d(widths[-1], latent, base), nn.Conv2d(widths[-1], latent, base)

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def adam(args, network, lr, betas=(0.9, 0.999)):
    gpu = {"fused": True, "capturable": args.mode == "graph"} if args.device == "cuda" else {}
    return torch.optim.Adam(network.parameters(), lr, betas, **gpu)


def compiled(args, network):
    if args.mode != "compile":
        return network
    return torch.compile(network, mode="reduce-overhead" if args.device == "cuda" else None)


def autocast(args):
    if args.precision != "bf16":
        return contextlib.nullcontext()
    # A graph must not read casts of weights that were made, and cached, outside of it.
    return torch.autocast(args.device, torch.bfloat16, cache_enabled=args.mode != "graph")


def pictures(args):
    return torch.rand(args.batch, args.channels, args.size, args.size, device=args.device)


def dcgan_step(args, layout):
    g, d = (net.to(args.device, memory_format=layout) for net in dcgan(args.channels, args.size, 64, 100))
    adam_g = adam(args, g, 2e-4, (0.5, 0.999))
    adam_d = adam(args, d, 2e-4, (0.5, 0.999))
    real = pictures(args).mul(2).sub(1).to(memory_format=layout)
    ones, zeros = (torch.full((args.batch,), x, device=args.device) for x in (1.0, 0.0))
    run_g, run_d = compiled(args, g), compiled(args, d)

    def loss(pictures, target):
        with autocast(args):
            return F.binary_cross_entropy_with_logits(run_d(pictures).flatten(), target)

    def step():
        adam_d.zero_grad()
        loss(real, ones).backward()
        with autocast(args):
            fake = run_g(torch.randn(args.batch, 100, 1, 1, device=args.device))
        loss(fake.detach(), zeros).backward()
        adam_d.step()
        adam_g.zero_grad()
        loss(fake, ones).backward()
        adam_g.step()

    return step


def vae_step(args, layout):
    vae = Vae(args.channels, args.size, 32, 128).to(args.device, memory_format=layout)
    optimizer = adam(args, vae, 1e-3)
    x = pictures(args).to(memory_format=layout)
    run = compiled(args, vae)

    def step():
        optimizer.zero_grad()
        with autocast(args):
            logits, mu, logvar = (y.float() for y in run(x))
            reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / args.batch
            kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum() / args.batch
        (reconstruction + kl).backward()
        optimizer.step()

    return step


def captured(step):
    """The step as one CUDA graph. What allocates lazily (optimisers, cuDNN) has to have run before, beside the main stream."""
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def marked(step):
    """For torch.compile's CUDA graphs: what one step computed may be overwritten in the next one, and no sooner."""
    def marked_step():
        torch.compiler.cudagraph_mark_step_begin()
        step()

    return marked_step


def prepare(args):
    """Sets the device's modes, and the defaults that depend on the device."""
    if args.device == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = args.precision != "fp32"
    elif args.precision == "tf32" or args.mode == "graph":
        raise SystemExit("tf32 and --mode graph need --device cuda")
    if args.steps_per_round is None:
        args.steps_per_round = 10 if args.device == "cuda" else 1
    if args.warmup is None:
        args.warmup = 10 if args.device == "cuda" else 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=["dcgan", "vae"])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--mode", choices=["eager", "channels_last", "compile", "graph"], default="channels_last")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps-per-round", type=int)
    parser.add_argument("--warmup", type=int)
    args = parser.parse_args()
    prepare(args)
    finish = torch.cuda.synchronize if args.device == "cuda" else lambda: None
    layout = torch.contiguous_format if args.mode == "eager" else torch.channels_last
    step = (dcgan_step if args.model == "dcgan" else vae_step)(args, layout)
    if args.mode == "graph":
        step = captured(step)
    elif args.mode == "compile" and args.device == "cuda":
        step = marked(step)
    step()
    finish()
    first = time.monotonic() - started
    for _ in range(args.warmup):
        step()
    times = []
    for _ in range(args.rounds):
        finish()
        begin = time.monotonic()
        for _ in range(args.steps_per_round):
            step()
        finish()
        times.append((time.monotonic() - begin) / args.steps_per_round)
    median = statistics.median(times)
    result = {
        "torch": torch.__version__, "threads": torch.get_num_threads(), "model": args.model, "mode": args.mode,
        "device": torch.cuda.get_device_name() if args.device == "cuda" else "CPU", "precision": args.precision,
        "batch": args.batch, "size": args.size, "rounds": args.rounds, "steps_per_round": args.steps_per_round,
        "milliseconds_median": 1e3 * median, "milliseconds_min": 1e3 * min(times), "milliseconds_max": 1e3 * max(times),
        "images_per_second": args.batch / median, "first_step_seconds": first,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    if args.device == "cuda":
        result.update(cudnn=torch.backends.cudnn.version(), peak_gpu_bytes=torch.cuda.max_memory_allocated())
    print(json.dumps(result))


main()
