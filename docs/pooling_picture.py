"""Draws attention-pooling.svg: how three heads make one score from the frames of a clip.

python docs/pooling_picture.py
"""

from collections.abc import Sequence
from pathlib import Path

from audioset_demo import load_tagger
from audioset_demo.audio.samples import synthesise
from audioset_demo.storage import write_text

OUTPUT = Path(__file__).with_name("attention-pooling.svg")
LABEL, MODEL, OTHERS = "Speech", "single_attention", ("average", "max")
LEFT, BAR, GAP, ROW, HEIGHT = 250, 46, 6, 104, 58
STYLE = """
text { font: 14px sans-serif; fill: #1c2329 } .small { font-size: 12px; fill: #5b6670 }
.bar { fill: #3a7ebf } .line { stroke: #8a949c; stroke-width: 1 }
@media (prefers-color-scheme: dark) { text { fill: #e3e7ea } .small { fill: #a5b0b8 } }
"""


def row(place: int, title: str, note: str, values: Sequence[float], digits: int = 2) -> str:
    """A row of bars, one a frame, each with its value; the highest fills the row."""
    base, most = place * ROW + HEIGHT + 34, max(*values, 1e-9)
    parts = [
        f'<text x="12" y="{base - 24}">{title}</text>',
        f'<text class="small" x="12" y="{base - 6}">{note}</text>',
        f'<line class="line" x1="{LEFT}" x2="{LEFT + len(values) * (BAR + GAP)}" y1="{base}" '
        f'y2="{base}"/>',
    ]
    for frame, value in enumerate(values):
        x, height = LEFT + frame * (BAR + GAP), HEIGHT * value / most
        parts.append(
            f'<rect class="bar" x="{x}" y="{base - height:.1f}" width="{BAR}" '
            f'height="{height:.1f}"/>'
            f'<text class="small" x="{x + BAR / 2}" y="{base - height - 5:.1f}" '
            f'text-anchor="middle">{value:.{digits}f}</text>'
        )
    return "\n".join(parts)


def picture() -> str:
    sound = synthesise("sequence")
    rows = []
    for name in (MODEL, *OTHERS):
        tagging = load_tagger(name, encoder="compact").tag(sound)
        k = next(k for k, label in enumerate(tagging.labels) if label.name == LABEL)
        parts, score = tagging.contributions[:, k], float(tagging.scores[k])
        if name == MODEL:
            uniform = tagging.attention[:, k] * len(tagging.attention)
            rows += [
                ("Frame scores", "of each 0.96 s alone", tagging.frame_scores[:, k]),
                ("Attention weights", "as multiples of uniform", uniform),
                ("Contributions", f"weight times score; sum {score:.2f}", parts),
            ]
        else:
            of = {"average": "Average pooling", "max": "Max pooling"}[name]
            rows.append((of, f"its contributions; sum {score:.2f}", parts))
    drawn = [row(place, *each) for place, each in enumerate(rows)]
    width, height = LEFT + len(rows[0][2]) * (BAR + GAP) + 12, len(rows) * ROW + 12
    title = f"{LABEL} in a clip of speech, piano and rain: bars for each frame"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<title>{title}</title><style>{STYLE}</style>",
            *drawn,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    write_text(OUTPUT, picture())
