"""A picture as SVG text. It brings its own background, so that it reads on a light page and on a dark one alike,
whatever the page's own theme; the colours follow the reader's preference."""

import textwrap
from xml.sax.saxutils import escape, quoteattr

WIDTH = 800
MARGIN = 24
FOOTER_CHARACTERS = 118

LIGHT = {"paper": "#ffffff", "edge": "#d0d7de", "ink": "#1f2328", "muted": "#59636e", "accent": "#c2410c",
         "peer": "#a0a9b3", "grid": "#e3e7eb"}
DARK = {"paper": "#15191f", "edge": "#30363d", "ink": "#e6edf3", "muted": "#9aa4af", "accent": "#fb923c",
        "peer": "#69737e", "grid": "#2a3037"}


def rules(colours):
    return "\n".join((
        f".paper {{ fill: {colours['paper']}; stroke: {colours['edge']}; }}",
        f"text {{ fill: {colours['ink']}; }}",
        f".muted {{ fill: {colours['muted']}; }}",
        f".accent {{ fill: {colours['accent']}; }}",
        f".peer {{ fill: {colours['peer']}; }}",
        f".accent-line {{ stroke: {colours['accent']}; }}",
        f".peer-line {{ stroke: {colours['peer']}; }}",
        f".bare-line {{ stroke: {colours['ink']}; stroke-dasharray: 5 4; }}",
        f".bare {{ fill: {colours['ink']}; }}",
        f".range {{ stroke: {colours['ink']}; stroke-width: 1; }}",
        f".grid {{ stroke: {colours['grid']}; stroke-width: 1; }}"))


STYLE = f"""text {{ font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 13px; }}
.title {{ font-size: 18px; font-weight: 600; }}
.heading, .strong {{ font-weight: 600; }}
.small {{ font-size: 11px; }}
.line {{ fill: none; stroke-width: 1.5; }}
.accent-line {{ stroke-width: 2.5; }}
{rules(LIGHT)}
@media (prefers-color-scheme: dark) {{
{rules(DARK)}
}}"""


class Picture:
    """Grows downwards: draw at `top`, then move it. Classes are those of STYLE; lengths are in pixels."""

    def __init__(self, title, subtitle, description, footer):
        """`description` is for those who do not see it; `footer` is a list of sentences."""
        self._title, self._description, self._footer, self._body = title, description, footer, []
        self.text(MARGIN, 36, title, "title")
        self.text(MARGIN, 56, subtitle, "muted")
        self.top = 76

    def text(self, x, y, content, classes="", anchor="start"):
        self._body.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{classes}" text-anchor="{anchor}">'
                          f"{escape(content)}</text>")

    def bar(self, x, y, width, height, classes):
        self._body.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
                          f'class="{classes}"/>')

    def line(self, points, classes):
        coordinates = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._body.append(f'<polyline points="{coordinates}" class="line {classes}"/>')

    def mark(self, shape, x, y, classes):
        """One of MARKS, so that grey lines are told apart by more than their place."""
        corners = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in MARKS[shape])
        self._body.append(f'<polygon points="{corners}" class="{classes}"/>' if corners
                          else f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="{classes}"/>')

    def document(self):
        footer = [line for sentence in self._footer for line in textwrap.wrap(sentence, FOOTER_CHARACTERS)]
        for line in footer:
            self.top += 15
            self.text(MARGIN, self.top, line, "small muted")
        height = self.top + 18
        return "\n".join((
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
            f'role="img" aria-label={quoteattr(self._title)}>',
            f"<title>{escape(self._title)}</title>", f"<desc>{escape(self._description)}</desc>",
            f"<style>\n{escape(STYLE)}\n</style>",
            f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6" class="paper"/>',
            *self._body, "</svg>", ""))


MARKS = {
    "circle": (),
    "square": ((-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)),
    "diamond": ((0, -5), (5, 0), (0, 5), (-5, 0)),
    "triangle": ((0, -5), (4.5, 3.5), (-4.5, 3.5)),
    "flag": ((0, 5), (4.5, -3.5), (-4.5, -3.5)),
}
