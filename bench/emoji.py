#!/usr/bin/env python3
"""Colour pictures of many kinds: the bitmaps inside Debian's fonts-noto-color-emoji, each as a PNG on white.

    bench/emoji.py /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf OUT [--size 32] [--labels LABELS.csv]

needs fontTools (Debian's python3-fonttools) and Pillow (python3-pil); the font is of package fonts-noto-color-emoji.
OUT gets GLYPH.png, in the font's order: 3,926 of 136 x 128 in Debian 12; with --size their middle squares at that size, for comparisons in
which nobody's way of resizing is to count. --labels: what each shows by Unicode's groups (people, nature, food, ..., flags), for `limn train
--labels`; needs pymdown-extensions, whose table of them it reads.
"""
import argparse
import csv
import io
import pathlib

from fontTools.ttLib import TTFont
from PIL import Image


def bitmaps(font):
    """(name of the glyph, its bitmap as a PNG), of the first strike that has it."""
    seen = set()
    for strike in font["CBDT"].strikeData:
        for name, glyph in strike.items():
            if name not in seen and getattr(glyph, "imageData", b""):
                seen.add(name)
                yield name, glyph.imageData


def on_white(png):
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def squared(picture, size):
    left, top = ((length - min(picture.size)) // 2 for length in picture.size)
    return picture.crop((left, top, left + min(picture.size), top + min(picture.size))).resize((size, size), Image.BICUBIC)


def ligatures(font):
    """(glyph, those it stands for) of every ligature."""
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            for first, those in getattr(table, "ligatures", {}).items():
                for ligature in those:
                    yield ligature.LigGlyph, [first, *ligature.Component]


def written(font):
    """{glyph: the characters it stands for}, as plain() has them."""
    text = {glyph: chr(character) for character, glyph in font.getBestCmap().items()}
    for glyph, parts in ligatures(font):
        if all(part in text for part in parts):
            text.setdefault(glyph, "".join(text[part] for part in parts))
    return {glyph: plain(characters) for glyph, characters in text.items()}


def plain(characters):
    """Without those that only ask for colour (U+FE0F), and sorted: a font has them in an order of its own."""
    return "".join(sorted(characters.replace("\ufe0f", "")))


def groups():
    """{characters: Unicode's group of them}, as plain() has them."""
    from pymdownx.twemoji_db import emoji

    return {plain("".join(chr(int(code, 16)) for code in row["unicode"].split("-"))): row["category"] for row in emoji.values()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("font", help="a font with colour bitmaps (a table CBDT)")
    parser.add_argument("out", type=pathlib.Path, help="a folder for the pictures")
    parser.add_argument("--size", type=int, help="of the pictures' sides (default: as they are)")
    parser.add_argument("--labels", type=pathlib.Path, help="a file for what they show; pictures of no group stay without")
    arguments = parser.parse_args()
    font = TTFont(arguments.font)
    if "CBDT" not in font:
        parser.error(f"{arguments.font} has no colour bitmaps (no table CBDT)")
    arguments.out.mkdir(parents=True, exist_ok=True)
    names = []
    for name, png in bitmaps(font):
        picture = on_white(png)
        (squared(picture, arguments.size) if arguments.size else picture).save(arguments.out / f"{name}.png")
        names.append(name)
    print(f"{len(names)} pictures in {arguments.out}")
    if arguments.labels:
        text, group = written(font), groups()
        rows = [(f"{name}.png", group[text[name]]) for name in names if text.get(name) in group]
        with open(arguments.labels, "w", newline="") as file:
            csv.writer(file).writerows([("picture", "group"), *rows])
        print(f"{len(rows)} of them have a label, in {arguments.labels}")


if __name__ == "__main__":
    main()
