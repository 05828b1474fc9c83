"""What the scripts of bench/ share: running Limn, the machine, the arithmetic of repeated measurements."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Failed(Exception):
    """Ends the script with this one line."""


def run(main):
    """Calls main(); what fails becomes one line and exit code 1."""
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: it has to be 1 or more")
    return value


def parser(description, limn=True):
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if limn:
        result.add_argument("--limn", type=pathlib.Path, default=ROOT / "build/release/limn", help="the program; default: build/release/limn")
    return result


def cpus():
    return len(os.sched_getaffinity(0))


def last_line(text):
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def output(command, **more):
    """Standard output of a command, which has to succeed."""
    try:
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    except OSError as error:
        raise Failed(f"{command[0]} cannot be run ({error.strerror})") from None
    if done.returncode != 0:
        raise Failed(f"{pathlib.Path(command[0]).name} {' '.join(map(str, command[1:4]))}: {last_line(done.stderr or done.stdout)}")
    return done.stdout


def limn_version(program):
    if not program.exists():
        raise Failed(f"there is no {program}: run scripts/build, or name --limn PROGRAM")
    return output([program, "--version"]).strip()


def limn_bench(program, *arguments):
    return json.loads(output([program, "bench", *arguments, "--json"]))


class Side:
    """A process that answers each line with one; it has described itself in its first."""

    def __init__(self, name, words, env):
        self.name = name
        self.errors = tempfile.TemporaryFile("w+")
        try:
            self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                            env=env, text=True)
        except OSError as error:
            raise Failed(f"{words[0]} cannot be run ({error.strerror})") from None
        self.description = self.line()

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            self.process.wait()
            self.errors.seek(0)
            raise Failed(f"{self.name}: {last_line(self.errors.read())}")
        return text.strip()

    def ask(self, text):
        try:
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self.line()

    def end(self):
        self.process.kill()
        self.process.wait()


def machine():
    """Where and when, for results that are kept."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    commit = output(["git", "-C", ROOT, "describe", "--always", "--dirty"]).strip()
    return {"cpu": cpu.group(1) if cpu else platform.machine(), "cpus": cpus(),
            "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(), "commit": commit}


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def middle(values):
    """Median and range, as text."""
    return f"{statistics.median(values):.3g} ({min(values):.3g}-{max(values):.3g})" if len(values) > 1 else f"{values[0]:.3g}"


def judge(args, features, drawn, metrics, *words):
    """What `limn evaluate` says of drawn pictures against args.data: {score: value}. features: NAME|FILE, @SIZE behind it for pictures of other than the
    network's own size."""
    name, _, size = features.partition("@")
    words = [args.limn, "evaluate", drawn, "--data", args.data, "--data-number", args.data_number, "--features", name,
             *(["--feature-size", size] if size else []), "--metrics", ",".join(metrics), "--json", *words]
    return {score["name"]: score["value"] for score in json.loads(output(words))["scores"]}


def settings_of(limn, words):
    """All settings of a training as they are, {name: value}, defaults too."""
    told = json.loads(output([limn, "train", *words, "--dry-run", "--json"]))
    return told["settings"] | {"batch": {"value": told["batch"]}}


def fresh_folder(path):
    """Its name, whose parent is there and which is not itself."""
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


class Results:
    """What was measured already, in FOLDER/results.jsonl: a script that is stopped goes on, and measures nothing twice."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "results.jsonl"
        lines = [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []
        self.known = {line["key"]: line for line in lines}

    def take(self, key, measure):
        """The line of a key, which is anything that becomes JSON; what is in none is what measure() gives, and is kept."""
        key = json.dumps(key)
        if key not in self.known:
            self.known[key] = {"key": key} | measure() | machine()
            with open(self.path, "a") as file:
                file.write(json.dumps(self.known[key]) + "\n")
        return self.known[key]


def pairwise(ours, theirs):
    """The spread of the ratios of what was measured side by side. One more on one side has no partner, and is left out."""
    return spread([a / b for a, b in zip(ours, theirs)])


def table(rows):
    """Text in columns, the first one left-aligned, the others right-aligned; rows are lists of texts."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip()
                     for row in rows)
