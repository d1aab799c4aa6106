"""Results as text and files that other programs read."""

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from audioset_demo.embeddings.frames import ENCODER_TITLES, Embeddings
from audioset_demo.embeddings.writing import embeddings_npz
from audioset_demo.encoders.logmel import MEL_MAX_HZ, MEL_MIN_HZ
from audioset_demo.events import Event, find_events
from audioset_demo.names import file_stem, one_line, without_spaces
from audioset_demo.storage import csv_lines, csv_text, json_text
from audioset_demo.tagging import Tagging


def tagging_record(tagging: Tagging, top: int = 10, occlusion: np.ndarray | None = None) -> dict:
    """The result of one clip as plain JSON: its top tags, and their frames.

    `encoder` is the full title of the encoder.

    Parameters
    ----------
    occlusion : (T, K), the drop of each score when each frame is silenced (`Tagger.occlude`),
        added to the frames
    """
    classes, probabilities = tagging.top(top), tagging.probabilities

    def by_label(values: np.ndarray) -> dict[str, list[float]]:
        return {tagging.labels[k].name: _rounded(values[:, k]) for k in classes}

    return {
        "file": tagging.name,
        "duration_s": round(tagging.duration_s, 6),
        "model": tagging.model.name,
        "encoder": ENCODER_TITLES[tagging.encoder],
        "tags": [
            {
                "label": tagging.labels[k].name,
                "mid": tagging.labels[k].mid,
                "index": tagging.labels[k].index,
                "score": _six(tagging.scores[k]),
                **({} if probabilities is None else {"probability": _six(probabilities[k])}),
            }
            for k in classes
        ],
        **_meaning(tagging),
        "frames": {
            "times_s": _rounded(tagging.times_s),
            "scores": by_label(tagging.frame_scores),
            "attention": by_label(tagging.attention),
            "contributions": by_label(tagging.contributions),
            **({} if occlusion is None else {"occlusion": by_label(occlusion)}),
        },
        "notes": list(tagging.notes),
    }


def tagging_json(tagging: Tagging, top: int = 10) -> str:
    """`tagging_record` on one line."""
    return json_text(tagging_record(tagging, top))


def pipeline_json(tagging: Tagging, top: int = 10) -> str:
    """The top tags on one line, as pipelines of Hugging Face give them: label and score."""
    tags = ((tagging.labels[k].name, _six(tagging.scores[k])) for k in tagging.top(top))
    return json_text([{"label": label, "score": score} for label, score in tags])


def _meaning(tagging: Tagging) -> dict:
    """What the probabilities were fitted on, and the prior with which they hold."""
    if tagging.calibration is None:
        return {}
    prior = tagging.prior or tagging.calibration.prior
    return {"calibration": {"fitted_on": tagging.calibration.set, "prior": prior.of}}


TAG_COLUMNS = ("file", "rank", "label", "mid", "index", "score", "model", "encoder")


def tagging_csv(taggings: Sequence[Tagging], top: int = 10) -> str:
    """The top tags of each clip by one model, one row per tag."""
    rows = (row for tagging in taggings for row in tagging_rows(tagging, top))
    return csv_text(tag_columns(taggings[0].calibration is not None), rows)


def tag_columns(calibrated: bool) -> tuple[str, ...]:
    """The columns of `tagging_rows`: those of a model with a calibration end in its probability."""
    return (*TAG_COLUMNS, "probability") if calibrated else TAG_COLUMNS


def tagging_rows(tagging: Tagging, top: int = 10) -> Iterator[tuple]:
    """The top tags of a clip as values of `tag_columns`."""
    probabilities = tagging.probabilities
    for rank, k in enumerate(tagging.top(top), start=1):
        yield (
            tagging.name,
            rank,
            tagging.labels[k].name,
            tagging.labels[k].mid,
            tagging.labels[k].index,
            f"{tagging.scores[k]:.6g}",
            tagging.model.name,
            ENCODER_TITLES[tagging.encoder],
            *(() if probabilities is None else (f"{probabilities[k]:.6g}",)),
        )


def tagging_table(tagging: Tagging, top: int = 10) -> str:
    """The top tags of a clip for the terminal, under a line that names encoder and model."""
    lines = [
        f"{tagging.name}  {tagging.duration_s:.2f} s  [{provenance(tagging)}]",
        *(f"  note: {note}" for note in tagging.notes),
    ]
    probabilities = tagging.probabilities
    if probabilities is None:
        cells = [f"{score:.3f}" for score in tagging.scores]
    else:
        lines.append(f"  score  probability ({_meaning(tagging)['calibration']['prior']})")
        pairs = zip(tagging.scores, probabilities, strict=True)
        cells = [f"{score:.3f}  {probability:.3f}" for score, probability in pairs]
    lines += [f"  {cells[k]}  {tagging.labels[k].name}" for k in tagging.top(top)]
    return "".join(f"{one_line(line)}\n" for line in lines)


def provenance(tagging: Tagging) -> str:
    """The encoder and the model that made a result, in words."""
    return f"{ENCODER_TITLES[tagging.encoder]}; {tagging.model.title}"


def audacity_labels(events: Sequence[Event]) -> str:
    """A label track for Audacity, of one clip."""
    return "".join(f"{e.start_s:.6f}\t{e.end_s:.6f}\t{one_line(e.label.name)}\n" for e in events)


def rttm(events: Sequence[Event], tagging: Tagging) -> str:
    """Events of one clip as lines of RTTM, the format of diarisation tools; no spaces in names.

    Lines of ten fields and nothing else, since RTTM has no comments.
    """
    clip = without_spaces(tagging.name)
    return "".join(
        f"SPEAKER {clip} 1 {e.start_s:.3f} {e.end_s - e.start_s:.3f} <NA> <NA> "
        f"{without_spaces(e.label.name)} {e.score:.4f} <NA>\n"
        for e in events
    )


EXPLANATION_COLUMNS = (
    "file", "model", "encoder", "label", "mid", "start_s", "frame_score", "attention_weight",
    "contribution", "adds_up_to", "combined", "score_drop",
)  # fmt: skip


def explanation_records(
    tagging: Tagging, classes: Sequence[int], drops: np.ndarray | None = None
) -> Iterator[dict]:
    """Why classes score as they do: a record of `EXPLANATION_COLUMNS` for each frame and class.

    Parameters
    ----------
    drops : (T, K) score drops; None: not known
    """
    for k, combined in zip(classes, tagging.combined(classes).T, strict=True):
        label = tagging.labels[k]
        fixed = (tagging.name, tagging.model.name, ENCODER_TITLES[tagging.encoder])
        for t, start in enumerate(tagging.times_s):
            values = (tagging.frame_scores, tagging.attention, tagging.contributions)
            found = [float(f"{value[t, k]:.6g}") for value in values]
            drop = None if drops is None else float(f"{drops[t, k]:.6g}")
            both = float(f"{combined[t]:.6g}")
            row = (*fixed, label.name, label.mid, round(float(start), 6), *found)
            yield dict(
                zip(EXPLANATION_COLUMNS, (*row, tagging.adds_up_to, both, drop), strict=True)
            )


def explanation_csv(records: Iterable[dict]) -> str:
    """`explanation_records` as a table; an unknown score drop is an empty cell."""
    rows = (["" if value is None else value for value in r.values()] for r in records)
    return csv_text(EXPLANATION_COLUMNS, rows)


RAVEN_COLUMNS = (
    "Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)",
    "High Freq (Hz)", "Begin File", "Label", "Score",
)  # fmt: skip


def raven(events: Sequence[Event], tagging: Tagging) -> str:
    """A selection table for Raven, of one clip. Its frequencies are the band that encoders hear."""
    rows = (
        (
            str(number),
            "Spectrogram 1",
            "1",
            f"{e.start_s:.6f}",
            f"{e.end_s:.6f}",
            f"{MEL_MIN_HZ:.1f}",
            f"{MEL_MAX_HZ:.1f}",
            one_line(tagging.name),
            one_line(e.label.name),
            f"{e.score:.4f}",
        )
        for number, e in enumerate(events, start=1)
    )
    return "".join("\t".join(row) + "\n" for row in (RAVEN_COLUMNS, *rows))


FORMATS = {
    "json": ".json",
    "hf": ".hf.json",
    "csv": ".csv",
    "audacity": ".txt",
    "rttm": ".rttm",
    "raven": ".selections.txt",
}


def in_format(
    tagging: Tagging,
    form: str,
    top: int,
    threshold: float | str,
    each_class: bool,
    occlusion: np.ndarray | None = None,
) -> str:
    """One clip in one of `FORMATS`, CSV without its line of column names, or as a "table".

    Parameters
    ----------
    threshold, each_class : of events, as in `find_events`; the other formats hold tags
    occlusion : as in `tagging_record`, in JSON only
    """
    if form == "json":
        return json_text(tagging_record(tagging, top, occlusion)) + "\n"
    if form == "hf":
        return pipeline_json(tagging, top) + "\n"
    if form == "table":
        return tagging_table(tagging, top)
    if form == "csv":
        return csv_lines(tagging_rows(tagging, top))
    events = find_events(tagging, tagging.top(top), threshold, each_class)
    if form == "audacity":
        return audacity_labels(events)
    return raven(events, tagging) if form == "raven" else rttm(events, tagging)


EVENT_COLUMNS = ("file", "start_s", "end_s", "label", "mid", "score", "model", "encoder")


def events_csv(events: Sequence[Event], tagging: Tagging) -> str:
    """Events of one clip, one row per event."""
    return csv_text(EVENT_COLUMNS, (_event_record(event, tagging).values() for event in events))


def events_json(events: Sequence[Event], tagging: Tagging) -> str:
    """Events of one clip as a list of objects."""
    return json_text([_event_record(event, tagging) for event in events])


def _event_record(event: Event, tagging: Tagging) -> dict:
    values = (
        tagging.name,
        round(event.start_s, 6),
        round(event.end_s, 6),
        event.label.name,
        event.label.mid,
        _six(event.score),
        tagging.model.name,
        ENCODER_TITLES[tagging.encoder],
    )
    return dict(zip(EVENT_COLUMNS, values, strict=True))


def results_zip(
    clips: Iterable[tuple[Tagging, Embeddings]], top: int, threshold: float | str
) -> bytes:
    """Everything about several clips in a ZIP archive: a folder for each, and a table of all tags.

    All are tagged by one model. The clips may come one by one: no more than one is held.

    Parameters
    ----------
    top : number of tags per clip; events are those of the same classes
    threshold : as in `find_events`
    """
    calibrated = False
    buffer = io.BytesIO()
    rows: list[tuple] = []
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (tagging, embeddings) in enumerate(clips, start=1):
            calibrated = tagging.calibration is not None
            rows += tagging_rows(tagging, top)
            events = find_events(tagging, tagging.top(top), threshold)
            folder = f"{number:02}_{file_stem(tagging.name)}"
            files: dict[str, str | bytes] = {
                "tags.json": tagging_json(tagging, top),
                "events.csv": events_csv(events, tagging),
                "events.json": events_json(events, tagging),
                "audacity.txt": audacity_labels(events),
                "events.rttm": rttm(events, tagging),
                "embeddings.npz": embeddings_npz([embeddings]),
            }
            for name, content in files.items():
                archive.writestr(f"{folder}/{name}", content)
        archive.writestr("tags.csv", csv_text(tag_columns(calibrated), rows))
    return buffer.getvalue()


def _rounded(values: np.ndarray) -> list[float]:
    return [_six(value) for value in values]


def _six(value: float) -> float:
    """A number of six digits."""
    return float(f"{value:.6g}")
