#!/usr/bin/env python3
"""The training steps of `limn bench step dcgan|vae`, in PyTorch: the other side of docs/performance.md.

    python3 bench/pytorch_step.py dcgan|vae [--batch 64] [--size 64] [--mode eager|channels_last|compile] [--rounds 5]

The DCGAN is PyTorch's own example (64 filters, 100 latents, BCE with logits, Adam): real and fake pass, the generator's
step on the same fake pictures. The VAE has the layers of Limn's (32-64-128-256 filters, latent 128, Bernoulli likelihood).
Prints one JSON object. Needs torch.
"""
import argparse
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


def dcgan_step(args, layout):
    g, d = (net.to(memory_format=layout) for net in dcgan(args.channels, args.size, 64, 100))
    adam_g = torch.optim.Adam(g.parameters(), 2e-4, (0.5, 0.999))
    adam_d = torch.optim.Adam(d.parameters(), 2e-4, (0.5, 0.999))
    real = torch.rand(args.batch, args.channels, args.size, args.size).mul(2).sub(1).to(memory_format=layout)
    ones, zeros = torch.ones(args.batch), torch.zeros(args.batch)
    run_g, run_d = (torch.compile(g), torch.compile(d)) if args.mode == "compile" else (g, d)

    def step():
        adam_d.zero_grad()
        F.binary_cross_entropy_with_logits(run_d(real).flatten(), ones).backward()
        fake = run_g(torch.randn(args.batch, 100, 1, 1))
        F.binary_cross_entropy_with_logits(run_d(fake.detach()).flatten(), zeros).backward()
        adam_d.step()
        adam_g.zero_grad()
        F.binary_cross_entropy_with_logits(run_d(fake).flatten(), ones).backward()
        adam_g.step()

    return step


def vae_step(args, layout):
    vae = Vae(args.channels, args.size, 32, 128).to(memory_format=layout)
    adam = torch.optim.Adam(vae.parameters(), 1e-3)
    x = torch.rand(args.batch, args.channels, args.size, args.size).to(memory_format=layout)
    run = torch.compile(vae) if args.mode == "compile" else vae

    def step():
        adam.zero_grad()
        logits, mu, logvar = run(x)
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / args.batch
        kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum() / args.batch
        (reconstruction + kl).backward()
        adam.step()

    return step


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=["dcgan", "vae"])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--mode", choices=["eager", "channels_last", "compile"], default="channels_last")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    args = parser.parse_args()
    layout = torch.contiguous_format if args.mode == "eager" else torch.channels_last
    step = (dcgan_step if args.model == "dcgan" else vae_step)(args, layout)
    step()
    first = time.monotonic() - started
    for _ in range(args.warmup):
        step()
    times = []
    for _ in range(args.rounds):
        begin = time.monotonic()
        step()
        times.append(time.monotonic() - begin)
    median = statistics.median(times)
    print(json.dumps({
        "torch": torch.__version__, "threads": torch.get_num_threads(), "model": args.model, "mode": args.mode,
        "milliseconds_median": 1e3 * median, "milliseconds_min": 1e3 * min(times), "milliseconds_max": 1e3 * max(times),
        "images_per_second": args.batch / median, "first_step_seconds": first,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


main()
