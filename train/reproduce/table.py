"""The table of the finished rows, each beside the figures published for its model."""

from pathlib import Path

from audioset_demo.models.published import FIGURES, full_data_figures
from audioset_demo.models.settings import POOLINGS
from audioset_demo.storage import write_csv
from train.reproduce.experiment import ROW_FILE, read_row

TABLE_FILE = "table.csv"
COLUMNS = (
    "model", "recipe", "backend", "trained_on", "scored_on", "clips", "classes",
    "iterations", "averaged",
    *FIGURES, *(f"published_{figure}" for figure in FIGURES), "source",
)  # fmt: skip


def finished_rows(folder: Path) -> list[dict]:
    """The rows of a folder that are finished, in the order of the models, each a row of `COLUMNS`.

    A figure is None where there is none.
    """
    read = [row for path in sorted(folder.glob(f"*/{ROW_FILE}")) if (row := read_row(path.parent))]
    return [_beside(row) for row in sorted(read, key=lambda row: POOLINGS.index(row["model"]))]


def _beside(row: dict) -> dict:
    published = {figures["pooling"]: figures for figures in full_data_figures()}[row["model"]]
    return {
        **{column: row[column] for column in COLUMNS if column in row},
        **{f"published_{figure}": published[figure] for figure in FIGURES},
        "model": published["title"],
        "source": published["source"],
    }


def write_table(folder: Path, rows: list[dict]) -> Path:
    path = folder / TABLE_FILE
    write_csv(path, COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
    return path


def table_text(rows: list[dict]) -> str:
    """The table for a terminal, and what its figures are of."""
    width = max(len(row["model"]) for row in rows)
    lines = [
        f"{'':{width}} {'':9} {'':7} {'here':^23} {'published':^23} {'difference':>10}",
        f"{'':{width}} {'recipe':9} {'backend':7} " + f"{'mAP':>7} {'AUC':>7} {'d-prime':>7} " * 2
        + f"{'mAP':>10}",
    ]  # fmt: skip
    for row in rows:
        here, there = [row[f] for f in FIGURES], [row[f"published_{f}"] for f in FIGURES]
        lines.append(
            f"{row['model']:{width}} {row['recipe']:9} {row['backend']:7} "
            + " ".join(_cell(value) for value in (*here, *there))
            + f" {row['mAP'] - row['published_mAP']:+10.3f}"
        )
    first = rows[0]
    lines += [
        f"Here: trained on {first['trained_on']}, scored on {first['scored_on']} "
        f"({first['clips']:,} clips, {first['classes']} classes).",
        f"Published ({first['source']}): trained on 2.0M clips, probabilities of nine checkpoints "
        "averaged.",
    ]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    """A figure; a dash where it has no finite value, as d' has none where the AUC is 1."""
    return f"{'–':>7}" if value is None else f"{value:7.3f}"
