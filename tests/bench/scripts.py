"""Tests of bench/'s scripts that need neither PyTorch nor valgrind: python3 scripts.py BENCH LIMN OP_TIMES."""
import array
import importlib.machinery
import importlib.util
import json
import pathlib
import random
import select
import subprocess
import sys
import tempfile
import types
import unittest
import xml.etree.ElementTree

BENCH, LIMN, OP_TIMES = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
sys.path.insert(0, str(BENCH))
TINY = ["--size", "16", "--channels", "1", "--filters", "4", "--latent", "8", "--batch", "4", "--threads", "1", "--device", "cpu"]


def script(name):
    loader = importlib.machinery.SourceFileLoader(name, str(BENCH / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


common, vs_pytorch, regress, kernels, ops, evaluate, recipes = (
    script(name) for name in ("common.py", "vs_pytorch", "regress", "kernels", "ops", "evaluate", "recipes"))
Failed = sys.modules["common"].Failed


class Script(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def stub(self, text):
        path = self.folder / "stub"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def call(self, name, *words):
        return subprocess.run([sys.executable, BENCH / name, *map(str, words)], capture_output=True, text=True)

    def expect_line(self, done, code, *parts):
        """One line on standard error, or the last of argparse's."""
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        if code == 1:
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr.splitlines()[-1])


class Refusals(Script):
    def test_no_pytorch(self):
        python = self.stub("echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1")
        self.expect_line(self.call("vs_pytorch", "--limn", LIMN, "--python", python), 1, "PyTorch", "--python", "$PYTHON", "No module named 'torch'")
        self.expect_line(self.call("vs_pytorch", "--limn", LIMN, "--python", self.folder / "none"), 1, "--python", "No such file")
        self.expect_line(self.call("ops", "--op-times", OP_TIMES, "--python", python), 1, "PyTorch", "No module named 'torch'")
        self.expect_line(self.call("ops", "--op-times", OP_TIMES, "--python", self.folder / "none"), 1, "No such file")
        self.expect_line(self.call("evaluate", "--feature-times", OP_TIMES, "--python", python), 1, "PyTorch", "$PYTHON", "No module named 'torch'")
        self.expect_line(self.call("measures", "--measure-times", OP_TIMES, "--python", python), 1, "torch-fidelity", "$PYTHON", "No module named 'torch'")

    def test_no_limn(self):
        for name in ("vs_pytorch", "kernels", "scaling"):
            self.expect_line(self.call(name, "--limn", self.folder / "none"), 1, "scripts/build", "--limn")

        self.expect_line(self.call("ops", "--op-times", self.folder / "none"), 1, "scripts/build", "--op-times")
        self.expect_line(self.call("evaluate", "--feature-times", self.folder / "none"), 1, "scripts/build", "--feature-times")
        self.expect_line(self.call("measures", "--measure-times", self.folder / "none"), 1, "scripts/build", "--measure-times")

    def test_words(self):
        self.expect_line(self.call("ops", "resnet19"), 2, "resnet19", "resnet18, vgg16")
        self.expect_line(self.call("evaluate", "resnet51"), 2, "resnet51", "inception_fid, resnet50")
        self.expect_line(self.call("evaluate", "--modes", "eager,graph"), 2, "graph", "channels_last")
        self.expect_line(self.call("measures", "fid"), 2, "fid", "fd, kid, is, pr, prdc")
        self.expect_line(self.call("measures", "--number", "999"), 2, "1,000")
        self.expect_line(self.call("ops", "--passes", "forward,back"), 2, "back", "forward, data, weights")
        self.expect_line(self.call("vs_pytorch", "dcgan65"), 2, "dcgan65", "dcgan64, vae64, sngan32, r3gan32, projected32, dcgan28")
        self.expect_line(self.call("vs_pytorch", "--modes", "eager,graph"), 2, "graph", "channels_last")
        self.expect_line(self.call("vs_pytorch", "--rounds", "0"), 2, "1 or more")
        self.expect_line(self.call("scaling", "--batches", "1,x"), 2, "--batches")
        self.expect_line(self.call("scaling", "--draw", "--json", self.folder / "none"), 1, "none", "--draw")
        self.expect_line(self.call("kernels", "--limn", LIMN, "--models", "vea"), 1, "did you mean vae?")


    def test_recipes(self):
        file = self.folder / "recipes"
        for text, said in ("dcgan --lr 1\n", "line 1"), ("a: dcgan\n# b\na: vae\n", "line 3"), ("a:\n", "line 1"):
            file.write_text(text)
            self.expect_line(self.call("recipes", "--limn", LIMN, "--data", "x", "--recipes", file), 1, said)
        file.write_text("a: dcgan\n")
        self.expect_line(self.call("recipes", "--limn", LIMN, "--data", "x", "--recipes", file, "--only", "b"), 1, "no recipe b")
        self.expect_line(self.call("vae", "--limn", LIMN, "--data", "x", "--pytorch-data", "x", "--test", "nowhere"), 1, "nowhere")


class Results(Script):
    def test_nothing_is_measured_twice(self):
        asked = []

        def measure():
            asked.append(1)
            return {"value": len(asked)}

        for _ in range(2):
            results = common.Results(self.folder / "out")
            self.assertEqual(results.take(["a", {"lr": 1}], measure)["value"], 1)
        self.assertEqual(results.take(["a", {"lr": 2}], measure)["value"], 2)

    def test_a_key_has_every_setting(self):
        args = types.SimpleNamespace(limn=LIMN, data=self.folder / "p.npy", common="--filters 4", pictures=8, seconds=None, number=1, data_number=1, features="x", metrics="fd", evaluate="")
        header = "{'descr': '|u1', 'fortran_order': False, 'shape': (40, 16, 16), }".ljust(117) + "\n"
        args.data.write_bytes(b"\x93NUMPY\1\0\x76\0" + header.encode() + bytes(40 * 256))
        key = recipes.key(args, "a", ["dcgan", "--batch", "8"], 1)
        self.assertEqual((key[2]["batch"], key[2]["filters"], key[2]["lr_d"]), (8, 4, 0.0002))
        self.assertNotEqual(key, recipes.key(args, "a", ["dcgan", "--batch", "8", "--set", "ema=0"], 1))
        self.assertEqual(recipes.batch_of(args, ["dcgan", "--batch", "8"]), 8)


class Arithmetic(unittest.TestCase):
    def test_ratios(self):
        self.assertEqual(common.pairwise([6, 2, 9], [3, 2, 3, 7]), {"median": 2, "min": 1, "max": 3})
        self.assertEqual(common.spread([1, 2, 3, 10]), {"median": 2.5, "min": 1, "max": 10})

    def test_difference(self):
        self.assertEqual(vs_pytorch.difference([1.0, 2.0], [1.0, 2.0]), 0)
        self.assertAlmostEqual(vs_pytorch.difference([99.0, 2.0], [100.0, 2.0]), 0.01)
        self.assertAlmostEqual(vs_pytorch.difference([1.0, -2.2], [1.0, -2.0]), 0.1)
        self.assertEqual(vs_pytorch.difference([None], [1.0]), float("inf"))
        self.assertEqual(vs_pytorch.difference([1.0], [float("nan")]), float("inf"))
        with self.assertRaises(Failed):
            vs_pytorch.difference([1.0], [1.0, 2.0])

    def test_difference_of_features(self):
        with tempfile.TemporaryDirectory() as name:
            def file(which, *numbers):
                path = pathlib.Path(name) / which
                path.write_bytes(array.array("f", numbers).tobytes())
                return path
            self.assertEqual(evaluate.difference(file("a", 3, 4), file("b", 3, 4)), 0)
            self.assertAlmostEqual(evaluate.difference(file("a", 3, 4.5), file("b", 3, 4)), 0.1)
            self.assertEqual(evaluate.difference(file("a", 3, float("nan")), file("b", 3, 4)), float("inf"))
            with self.assertRaises(Failed):
                evaluate.difference(file("a", 3, 4), file("b", 3))

    def test_compare(self):
        """The fastest mode, the one that starts soonest, compile aside, and the smallest, each for itself."""
        case = vs_pytorch.CASES["vae64"]
        starts = {"limn": [0.2, 0.3], "eager": [2.0, 3.0], "channels_last": [4.0, 4.0], "compile": [1.0]}
        rounds = {"limn": [10.0, 20.0, 10.0], "eager": [40.0, 40.0, 40.0], "channels_last": [25.0, 20.0, 15.0], "compile": [30.0, 30.0, 10.0]}
        results = {side: {"peak_rss_bytes": size} for side, size in zip(starts, (100, 900, 800, 1000))}
        ratios = vs_pytorch.compare(case, starts, rounds, results)["ratios"]
        self.assertEqual(ratios["speed"]["of"], "channels_last")
        for end, value in (("median", 1.5), ("min", 1.0), ("max", 2.5)):
            self.assertAlmostEqual(ratios["speed"][end], value)
        self.assertEqual(ratios["first_step"]["of"], "eager")
        self.assertAlmostEqual(ratios["first_step"]["median"], 0.1)
        self.assertEqual(ratios["memory"], {"of": "channels_last", "ratio": 0.125})

    def check(self, precision, apart):
        """check_losses, with losses as told."""
        args = types.SimpleNamespace(modes=["eager"], python="python3", precision=precision, threads=1, isa="auto", limn="limn")
        vs_pytorch.output = lambda words, env: json.dumps({"loss": [8.0, 4.0]})
        vs_pytorch.limn_losses = lambda args, case, folder, names: {"loss": [8.0, 4.0 * (1 + apart)]}
        return vs_pytorch.check_losses(args, vs_pytorch.CASES["vae64"])

    def test_losses(self):
        self.addCleanup(vars(vs_pytorch).update, {name: getattr(vs_pytorch, name) for name in ("output", "limn_losses")})
        self.assertAlmostEqual(self.check("fp32", 9e-4)["loss"], 9e-4)
        self.assertAlmostEqual(self.check("bf16", 1.9e-2)["loss"], 1.9e-2)
        for precision, apart in [("fp32", 1.1e-3), ("fp32", -1.1e-3), ("bf16", 2.1e-2)]:
            with self.assertRaisesRegex(Failed, "loss is .* off PyTorch's"):
                self.check(precision, apart)

    def test_regress(self):
        base = {"step": 1000, "start": 1000, "data": 1000}
        rows, grown = regress.compare(base, {"step": 1021, "start": 1019, "data": 500}, 2)
        self.assertEqual(grown, ["step"])
        self.assertEqual([row[-1] for row in rows], ["change", "+2.10%", "+1.90%", "-50.00%"])

    def test_kernels(self):
        """Alike ones together, times and all; what takes longest above its floor first."""
        def row(name, ms, share, times=1):
            return {"name": name, "shape": [1, 2, 3, 4], "times": times, "milliseconds_median": ms, "peak_share": share, "flops": 10, "bytes": 1}

        found = {"rows": [row("quick", 8.0, 0.9), row("slow", 1.0, 0.5, times=2), row("slow", 2.0, 0.25), row("none", 0.1, None)]}
        lines = kernels.alike({"vae": found})
        self.assertEqual([key[1] for key, _ in lines], ["slow", "quick", "none"])
        self.assertEqual(lines[0][1], {"times": 3, "ms": 4.0, "floor": 1.5, "flops": 30, "bytes": 3})


    def test_ops(self):
        """EfficientNet's padding, what an op is called on either side, and totals by how often a network has an op."""
        times, name, shapes = ops.depthwise(2, 144, 56, 5, 2)
        self.assertEqual((times, name, shapes["pad"], shapes["more"], shapes["groups"]), (2, "conv", (1, 1), (1, 1), (144,)))
        self.assertEqual(ops.words_of(name, shapes, 4, "data"),
                         "conv x=4,144,56,56 w=144,1,5,5 stride=2,2 pad=1,1 more=1,1 groups=144 pass=data")
        self.assertEqual(ops.title(name, shapes, "data"), "conv 144x56x56 -> 144, 5x5 by 2, 144 groups, data")

        def row(times, limn, torch):
            return {"network": "n", "batch": 1, "pass": "data", "times": times, "limn_ms": {"min": limn}, "pytorch_ms": {"min": torch},
                    "ratio": torch / limn}
        self.assertEqual(list(ops.totals([row(1, 1.0, 4.0), row(3, 1.0, 1.0)])), [["n of 1, data", "4.00", "7.00", "1.75", "2.00"]])


class Running(Script):
    def test_op_times(self):
        """Each line is answered by one; the networks' ops are known; an op that is not ends it."""
        every = {name: shapes for network in ops.NETWORKS.values() for _, name, shapes in network}
        lines = [ops.words_of(name, shapes, 1, kind) for name, shapes in every.items() for kind in ("forward", "data")]
        asked = "".join(f"{line}\n\n" for line in ["conv x=1,16,9,9 w=16,1,5,5 pad=2,2 groups=16 pass=weights", *lines])
        done = subprocess.run([OP_TIMES, "1", "auto"], input=asked, capture_output=True, text=True)
        said = done.stdout.splitlines()
        self.assertEqual((done.returncode, len(said)), (0, 3 + 2 * len(lines)), done.stderr)
        self.assertIn("convolution backward weights by ", said[1])
        for text in said[2::2]:
            self.assertGreater(float(text), 0)
        self.assertEqual(subprocess.run([OP_TIMES, "1", "auto"], input="convolve x=1\n", capture_output=True, text=True).returncode, 1)

    def test_measure_times(self):
        """Each measure is answered by its time and its value; a set against itself is 0 apart, and covered."""
        count, width = 1100, 3
        chance = random.Random(1)
        rows = array.array("f", (chance.random() for _ in range(count * width)))
        for name in ("pictures", "data", "logits"):
            (self.folder / name).write_bytes(rows.tobytes())
        words = [pathlib.Path(OP_TIMES).parent / "measure_times", self.folder, str(count), str(width), str(width), "1"]
        done = subprocess.run(words, input="fd\nkid\nis\npr\nprdc\nmemory\n", capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        _, *answers, memory = done.stdout.splitlines()
        fd, kid, score, precision, coverage = (float(answer.split()[1]) for answer in answers)
        self.assertAlmostEqual(fd, 0, places=6)
        self.assertAlmostEqual(kid, 0, places=2)
        self.assertTrue(1 < score < 1.2 and int(memory) > 1e6, done.stdout)
        self.assertEqual((precision, coverage), (1, 1))
        done = subprocess.run(words, input="fid\n", capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (1, "measure_times: there is no measure fid\n"))
        (self.folder / "data").write_bytes(b"short")
        self.assertIn("too short", subprocess.run(words, input="fd\n", capture_output=True, text=True).stderr)

    def test_paced(self):
        """Nothing happens between the rounds, and the result comes behind the last."""
        words = [LIMN, "bench", "step", "dcgan", *TINY, "--rounds", "2", "--steps-per-round", "1", "--warmup", "0", "--paced", "--json"]
        process = vs_pytorch.Paced("limn", words, None)
        self.addCleanup(process.end)
        self.assertGreater(process.start_seconds, 0)
        self.assertEqual(select.select([process.process.stdout], [], [], 0.5)[0], [])
        rounds = [process.round()]
        self.assertEqual(select.select([process.process.stdout], [], [], 0.5)[0], [])
        rounds.append(process.round())
        result = process.result()
        self.assertEqual(result["rounds"], 2)
        for at, end in ((min, "min"), (max, "max")):
            self.assertAlmostEqual(result[f"milliseconds_{end}"], at(rounds), places=3)

    def test_a_side_that_fails(self):
        with self.assertRaisesRegex(Failed, "Limn failed: limn: unknown model"):
            vs_pytorch.Paced("limn", [LIMN, "bench", "step", "none"], None)
        with self.assertRaisesRegex(Failed, r"PyTorch \(compile\) failed: no compiler"):
            vs_pytorch.Paced("compile", [self.stub("echo no compiler >&2; exit 1")], None)

    def test_kernels(self):
        done = self.call("kernels", "--limn", LIMN, "--models", "dcgan,vae", *TINY, "--rounds", 1, "--warmup", 0)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        lost = [float(line.split()[-4]) for line in lines[1 : lines.index("")]]
        self.assertGreater(len(lost), 20)
        self.assertEqual(lost, sorted(lost, reverse=True))
        self.assertIn("CPU, 1 thread", lines[-1])

    def test_scaling(self):
        """Every point of each sweep, the usual one once; the plots are drawn from the file."""
        said = {"images_per_second": 100, "gflops": 1, "milliseconds_median": 10, "milliseconds_min": 9, "milliseconds_max": 12, "peak_rss_bytes": 1,
                "arena_bytes": 1, "device": "CPU"}
        limn = self.stub(f"echo \"$*\" >>'{self.folder}/calls'\ncase $1 in --version) echo limn 1;; *) echo '{json.dumps(said)}';; esac")
        files = ["--json", self.folder / "s.json", "--plots", self.folder]
        done = self.call("scaling", "--limn", limn, "--models", "vae", "--batches", "1,64", "--threads", "1,2,3", "--sizes", "32,64", *files)
        self.assertEqual(done.returncode, 0, done.stderr)
        calls = [line for line in (self.folder / "calls").read_text().splitlines() if line.startswith("bench step vae")]
        self.assertEqual(len(calls), len(set(calls)))
        self.assertIn("--batch 1 ", calls[0])
        self.assertIn("--steps-per-round 128", calls[0])
        for what, count in (("batch", 2), ("threads", 3), ("size", 2)):
            plot = self.folder / f"scaling-{what}.svg"
            drawn = plot.read_text()
            self.assertEqual(len(xml.etree.ElementTree.fromstring(drawn).findall("{*}circle")), count)
            plot.unlink()
            self.assertEqual(self.call("scaling", "--draw", *files).returncode, 0)
            self.assertEqual(plot.read_text(), drawn)

    def test_ticks(self):
        ticks = script("plot.py").ticks
        self.assertEqual(ticks(15, 280), [10, 20, 50, 100, 200, 500])
        self.assertEqual(ticks(20, 20), [20, 50])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
