#!/usr/bin/env python3
"""Colour pictures of many kinds: the bitmaps inside Debian's fonts-noto-color-emoji, each as a PNG on white.

    bench/emoji.py /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf OUT

needs fontTools (Debian's python3-fonttools) and Pillow (python3-pil); the font is of package fonts-noto-color-emoji.
OUT gets GLYPH.png, in the font's order: 3,926 of 136 x 128 in Debian 12.
"""
import argparse
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("font", help="a font with colour bitmaps (a table CBDT)")
    parser.add_argument("out", type=pathlib.Path, help="a folder for the pictures")
    arguments = parser.parse_args()
    font = TTFont(arguments.font)
    if "CBDT" not in font:
        parser.error(f"{arguments.font} has no colour bitmaps (no table CBDT)")
    arguments.out.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, png in bitmaps(font):
        on_white(png).save(arguments.out / f"{name}.png")
        count += 1
    print(f"{count} pictures in {arguments.out}")


if __name__ == "__main__":
    main()
