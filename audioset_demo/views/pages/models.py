"""Models: how good each is, how it was trained, and how to reproduce it."""

from functools import partial

import streamlit as st

from audioset_demo.charts import results as charts
from audioset_demo.listings import damage
from audioset_demo.models.experiments import ablations, averages
from audioset_demo.models.published import PublishedModel, damaged_models, full_data_figures
from audioset_demo.models.settings import TITLES
from audioset_demo.views import clips, session
from audioset_demo.views.drawn_once import draw_once, draw_when_opened
from audioset_demo.views.names import cell, escape
from audioset_demo.views.widgets import chart, errors_shown, provenance, title

PUBLISHED = "Published by others, full data (2.0M clips)"

ABLATION_COLUMNS = {
    "Setting": "setting",
    "Runs": "runs",
    "mAP": "validation_mAP",
    "Spread": "spread_mAP",
    "Gain": "gain_mAP",
    "AUC": "validation_AUC",
    "Seconds a batch": "seconds_a_batch",
}

title("Models", "What each model is, how good it is, and the command that reproduces it.")
with errors_shown():
    provenance(clips.current(), session.choice())
    models, titles = session.models(), session.model_titles()
for damaged in damaged_models():
    st.warning(escape(damage(damaged)), icon=":material/warning:")
full = {figures["pooling"]: figures for figures in full_data_figures()}


def figure(figures: dict | None, key: str) -> str:
    """A figure, or a dash if it was not measured or has no finite value."""
    value = (figures or {}).get(key)
    return "–" if value is None else f"{value:.3f}"


def base_figure(base: dict[str, str]) -> str:
    return (
        f"{float(base['validation_mAP']):.4f}, the mean of {base['runs']} seeds with a standard "
        f"deviation of {float(base['spread_mAP']):.4f}"
    )


def over_seeds(figures: dict | None) -> str:
    spread = (figures or {}).get("mAP_spread")
    return figure(figures, "mAP") + (f" ± {spread:.3f}" if spread else "")


def full_data(model: PublishedModel) -> dict | None:
    """The figures that others published for this kind of model on AudioSet's classes."""
    return full.get(model.card.settings.pooling) if model.card.labels is None else None


def named(name: str) -> str:
    return titles[name] + (" (default)" if models[name].is_default else "")


def results() -> None:
    """The table, and beside each other what the models reach and how they came there."""
    rows = []
    for name, model in models.items():
        evaluated = model.card.metrics.get("eval", {})
        rows.append(
            {
                "Model": cell(named(name)),
                "Trained on": cell(model.card.training_set),
                "mAP": figure(evaluated, "mAP"),
                "AUC": figure(evaluated, "AUC"),
                "d'": figure(evaluated, "d_prime"),
                "mAP, full data": figure(full_data(model), "mAP"),
            }
        )
    with st.container(key="models_table"):  # its styles: entry/first_paint.css
        st.table(columns_of(rows), hide_index=True)
    own = [titles[name] for name, model in models.items() if model.card.labels is not None]
    st.caption(
        "mAP, AUC, d': one checkpoint each. Full data: figures that others published of such "
        "models, trained on 2.0M clips; they do not measure these."
        + (f" {escape(', '.join(own))}: on sounds of its own classes." if own else "")
    )
    left, right = st.columns([11, 9], gap="medium")
    with left:
        reached()
    with right:
        curve("validation_mAP", "mAP on the validation part")


def reached() -> None:
    """The mAP of the models of AudioSet's classes: on other clips, it is another measure."""
    compared = {name: model for name, model in models.items() if model.card.labels is None}
    if not compared:
        return
    sets = [model.card.training_set for model in compared.values()]
    by_set = {
        f"This project, {each}": [
            model.card.metrics.get("eval", {}).get("mAP") if trained_on == each else None
            for trained_on, model in zip(sets, compared.values(), strict=True)
        ]
        for each in dict.fromkeys(sets)
    }
    by_others = [full_data(model) for model in compared.values()]
    chart(
        charts.results_dots(
            [titles[name] for name in compared],
            {**by_set, PUBLISHED: [found["mAP"] if found else None for found in by_others]},
            "mAP on the evaluation set",
            row_px=26,
        ),
        "mAP of each model, by what it was trained on, and the figure published for the full data",
        key="results",
        bar=False,
    )


def further_figures() -> None:
    rows = []
    for name, model in models.items():
        published = full_data(model)
        rows.append(
            {
                "Model": cell(named(name)),
                "mAP, validation part": over_seeds(model.card.metrics.get("validation")),
                "Parameters": f"{model.card.parameters / 1e6:.2f}M",
                "Size": f"{model.bytes / 1e6:.1f}\N{NO-BREAK SPACE}MB",
                "AUC, full data": figure(published, "AUC"),
                "d', full data": figure(published, "d_prime"),
                "Published as": published["title"] if published else "–",
            }
        )
    st.table(columns_of(rows), hide_index=True)
    sources = sorted({figures["source"] for figures in full.values()})
    evaluations = [model.card.metrics.get("eval", {}) for model in models.values()]
    scored = {
        f'{evaluated["clips"]:,} clips of "{evaluated["set"]}"'
        for evaluated in evaluations
        if "clips" in evaluated and "set" in evaluated
    }
    st.caption(
        "mAP, AUC, d': one checkpoint each, scored on "
        f"{escape(', '.join(sorted(scored)) or 'none')}. "
        "Balanced-only: trained on AudioSet's balanced set, 1 % of its training data. Full data: "
        f"figures that others published ({escape(', '.join(sources))}), each the average of nine "
        "checkpoints trained on 2.0M clips. "
        "Validation part: mean and standard deviation over seeds of runs that held it out; it is "
        "drawn from the training set, so its figures are not comparable with the others. A model "
        "that was trained on the whole set has no validation part: its learning curve is that of a "
        "run with the same settings that held it out."
    )


def columns_of(rows: list[dict[str, str]]) -> dict[str, list[str]]:
    return {column: [row[column] for row in rows] for column in rows[0]}


def curves(key: str) -> dict[str, tuple[list[float], list[float]]]:
    found = {}
    for name, model in models.items():
        points = [row for row in model.learning_curve() if key in row]
        if points:
            found[titles[name]] = (
                [row["iteration"] for row in points],
                [row[key] for row in points],
            )
    return found


def curve(key: str, what: str) -> None:
    with errors_shown():
        found = curves(key)
        if found:
            chart(
                charts.learning_curves(found, what),
                f"{what} by iteration of each model",
                key=key,
                bar=False,
            )
        else:
            st.info(f"{what} was not recorded for any of these models.", icon=":material/info:")


def ensembles() -> None:
    for what, record in averages().items():
        st.markdown(f"**{escape(what)}**")
        st.table(
            {
                "Scores of": [row["name"] for row in record["rows"]],
                "mAP": [figure(row, "mAP") for row in record["rows"]],
                "AUC": [figure(row, "AUC") for row in record["rows"]],
                "d'": [figure(row, "d_prime") for row in record["rows"]],
            },
            hide_index=True,
        )
        st.caption(f'On "{escape(record["set"])}": `{record["command"]}`')


def effects_of_settings() -> None:
    st.markdown(
        "mAP on the validation part of the training set, which these runs held out. Settings were "
        "selected on it; the evaluation set was used for the published models only."
    )
    for name, (base, *others) in ablations().items():
        st.markdown(f"**{TITLES[name]}**, baseline `{base['setting']}`: mAP {base_figure(base)}")
        chart(
            charts.gains(
                [row["setting"] for row in others],
                [float(row["gain_mAP"]) for row in others],
                float(base["spread_mAP"]),
            ),
            f"{TITLES[name]}: gain in mAP on the validation part of each changed setting",
            key=f"gains of {name}",
            bar=False,
        )
        st.table(
            {
                title: [row[column] or "–" for row in (base, *others)]
                for title, column in ABLATION_COLUMNS.items()
            },
            hide_index=True,
        )


def card_of(name: str) -> None:
    card = models[name].card
    st.markdown(
        f"Trained on {escape(card.training_set)}, embeddings from "
        f"{escape(card.encoder)}, input `{card.input}`."
    )
    st.markdown("Training command")
    st.code(card.training.get("command", "not recorded"), language="bash", wrap_lines=True)
    if "command" in card.metrics.get("eval", {}):
        st.markdown("Evaluation command")
        st.code(card.metrics["eval"]["command"], language="bash", wrap_lines=True)
    st.markdown("Model card")
    st.json(card.to_json() | {"labels": card.labels and list(card.labels)}, expanded=1)


DETAILS = {
    "Ensembles": ensembles,
    "Ablations": effects_of_settings,
    "Training loss": lambda: curve("loss", "Training loss"),
    "Further figures, and what they are of": further_figures,
}

shown = tuple(models.values())
draw_once("results", shown, results)
for part, draw in DETAILS.items():
    draw_when_opened(part, shown, draw)
for name in models:
    draw_when_opened(f"Card: {escape(named(name))}", shown, partial(card_of, name))
