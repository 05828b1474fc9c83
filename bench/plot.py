"""A plot as SVG: curves over two logarithmic axes, without a library to draw it."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 110, 50, 50
INSET = 24  # of the first and the last point, so that their numbers stand clear of the axis
COLOURS = ("#1f6fb4", "#c8511b", "#2e8540", "#7a4fa3")


def ticks(least, most):
    """1, 2 and 5 times powers of ten that reach around the range; two at least."""
    all_ticks = [m * 10.0**e for e in range(-6, 13) for m in (1, 2, 5)]
    first = max(i for i, t in enumerate(all_ticks) if t <= least * (1 + 1e-9))
    last = min(i for i, t in enumerate(all_ticks) if t >= most * (1 - 1e-9))
    return all_ticks[first : max(last, first + 1) + 1]


def text(x, y, words, anchor="middle", colour="#333"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


def line(x1, y1, x2, y2, colour, width=1):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def draw(curves, x_title, y_title, title):
    """curves: name -> list of (x, y, least y, most y), all over 0. Returns the file's text."""
    points = [point for curve in curves.values() for point in curve]
    xs = sorted({point[0] for point in points})
    rows = ticks(min(point[2] for point in points), max(point[3] for point in points))
    x_span = math.log(xs[-1] / xs[0]) or 1
    x_at = lambda x: LEFT + INSET + (WIDTH - LEFT - RIGHT - 2 * INSET) * math.log(x / xs[0]) / x_span
    y_at = lambda y: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(y / rows[0]) / math.log(rows[-1] / rows[0])
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', text(WIDTH / 2, 20, title)]
    for y in rows:
        parts += [line(LEFT, y_at(y), WIDTH - RIGHT, y_at(y), "#ddd"), text(LEFT - 8, y_at(y) + 4, f"{y:g}", "end")]
    for x in xs:
        parts += [line(x_at(x), TOP, x_at(x), HEIGHT - BOTTOM, "#eee"), text(x_at(x), HEIGHT - BOTTOM + 18, f"{x:g}")]
    parts += [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_title), text(LEFT, TOP - 16, y_title)]
    for colour, (name, curve) in zip(COLOURS, curves.items()):
        curve = sorted(curve)
        path = " ".join(f"{x_at(x):.1f},{y_at(y):.1f}" for x, y, _, _ in curve)
        parts += [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
        for x, y, least, most in curve:
            parts += [line(x_at(x), y_at(least), x_at(x), y_at(most), colour), f'<circle cx="{x_at(x):.1f}" cy="{y_at(y):.1f}" r="3" fill="{colour}"/>']
            parts += [text(x_at(x), y_at(y) - 8, f"{y:.3g}" if y < 100 else f"{y:.0f}", colour=colour)]
        parts += [text(x_at(curve[-1][0]) + 22, y_at(curve[-1][1]) + 4, name, "start", colour)]
    return "\n".join([*parts, "</svg>"]) + "\n"
