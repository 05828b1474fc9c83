"""Holds `limn evaluate` to the tools whose numbers are published, from files of pictures to the number: torch-fidelity (FID,
KID, IS), pytorch-fid (FID) and prdc, on the same pictures and the same weights of FID's Inception, which are random.

    pip install torch torch-fidelity pytorch-fid prdc numpy pillow
    python3 tests/metrics/whole.py build/release/limn [COUNT]

COUNT pictures of each of two sets (default 200); minutes. The network's statistics are those of such pictures, so that its
features vary as a trained network's do. pytorch-fid's root of a singular product is off by percents, so it is asked for its
64 features, of which a covariance exists. Prints each pair of numbers; exit code 1 where FID or KID differ by more than 1e-4
of their value, IS by 1e-3, precision, recall, density or coverage at all.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "fixtures" / "features"))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "features"))
from originals import build
from whole import randomise

failures = 0


def check(what, ours, theirs, tolerance):
    global failures
    error = abs(ours - theirs) / max(abs(theirs), 1e-12)
    failures += error > tolerance
    print(f"{what:24} {ours:.9g}  {theirs:.9g}  {error:.1e}{'' if error <= tolerance else '  TOO FAR'}", flush=True)


def make_pictures(folder, count, seed, bright):
    """Blobs of colour: smooth, so that resizing matters, and unlike from set to set."""
    random = np.random.default_rng(seed)
    folder.mkdir()
    for i in range(count):
        height, width = 56, 40  # of one size, as torch-fidelity wants them
        y, x = np.mgrid[0:height, 0:width]
        picture = np.zeros((height, width, 3))
        for _ in range(4):
            centre, spread = random.uniform(0, 1, 2) * (height, width), random.uniform(3, 20)
            blob = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * spread**2))
            picture += blob[..., None] * random.uniform(0, bright, 3)
        picture += random.normal(0, 8, picture.shape)
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(folder / f"{i:04}.png")


def calibrate(module, folder):
    """Running statistics by one pass over pictures of the folder."""
    for child in module.modules():
        if isinstance(child, torch.nn.BatchNorm2d):
            child.momentum = None
            child.reset_running_stats()
    pictures = [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())[:24]]
    with torch.no_grad():
        module.train()(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2))
    module.eval()


def ours(limn, a, b, weights, protocol, metrics, count, *more):
    arguments = ["evaluate", a, "--data", b, "--features", weights, "--protocol", protocol, "--metrics", metrics]
    arguments += ["--subsets", 1, "--subset-size", count, "--splits", 1, "--no-cache", "--json", "--device", "cpu", *more]
    result = json.loads(subprocess.run([limn, *map(str, arguments)], check=True, stdout=subprocess.PIPE).stdout)
    return {score["name"]: score["value"] for score in result["scores"]}


def by_torch_fidelity(a, b, weights, count):
    import torch_fidelity

    return torch_fidelity.calculate_metrics(
        input1=str(a), input2=str(b), isc=True, fid=True, kid=True, kid_subsets=1, kid_subset_size=count, isc_splits=1,
        samples_shuffle=False, feature_extractor_weights_path=str(weights), cuda=False, cache=False, verbose=False,
        samples_find_deep=False, save_cpu_ram=True)


def by_pytorch_fid(a, b, state):
    import pytorch_fid.inception as inception
    from pytorch_fid.fid_score import calculate_frechet_distance

    inception.load_state_dict_from_url = lambda *_, **__: state
    model = inception.InceptionV3([0]).eval()
    features = []
    for folder in (a, b):
        rows = []
        for path in sorted(folder.iterdir()):
            x = torch.from_numpy(np.asarray(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None].float() / 255
            with torch.no_grad():
                rows.append(model(x)[0].mean((2, 3)).flatten().double().numpy())
        features.append(np.stack(rows))
    moments = [(f.mean(0), np.cov(f, rowvar=False)) for f in features]
    return calculate_frechet_distance(*moments[0], *moments[1]), features


def main():
    limn, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        a, b, weights = pathlib.Path(folder, "a"), pathlib.Path(folder, "b"), pathlib.Path(folder, "inception.pth")
        make_pictures(a, count, 1, 255)
        make_pictures(b, count, 2, 180)
        module = build("inception_fid").eval()
        with torch.no_grad():
            randomise(module)
        calibrate(module, a)
        state = {k: v for k, v in module.state_dict().items()}
        torch.save(state, weights)

        theirs = by_torch_fidelity(a, b, weights, count)
        limn_has = ours(limn, a, b, weights, "torch-fidelity", "fd,kid,is", count)
        check("FID, torch-fidelity", limn_has["FD-inception"], theirs["frechet_inception_distance"], 1e-4)
        check("KID, torch-fidelity", limn_has["KID"], theirs["kernel_inception_distance_mean"], 1e-4)
        check("IS, torch-fidelity", limn_has["IS-inception"], theirs["inception_score_mean"], 1e-3)

        fid, (fake, real) = by_pytorch_fid(a, b, state)
        limn_has = ours(limn, a, b, weights, "pytorch-fid", "fd,prdc", count, "--tap", "64")
        check("FID, pytorch-fid", limn_has["FD-inception.64"], fid, 1e-4)
        from prdc import compute_prdc

        for name, value in compute_prdc(real, fake, nearest_k=5).items():
            check(f"{name}, prdc", limn_has[name], value, 0)
    sys.exit(failures > 0)


main()
