"""Models: how good each is, how it was trained, and how to make it again."""

import streamlit as st

from audioset_demo.charts import results as charts
from audioset_demo.models.experiments import ablations, averages
from audioset_demo.models.published import full_data_figures
from audioset_demo.models.settings import TITLES
from audioset_demo.views import clips, session
from audioset_demo.views.widgets import chart, errors_shown, escape, model_title, provenance, title

OURS = "This project, balanced-only (1 % of the data)"
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

title("Models", "What each model is, how good it is, and the command that makes it again.")
with errors_shown():
    provenance(clips.current(), session.choice())
    models = list(session.models().values())
full = {figures["pooling"]: figures for figures in full_data_figures()}

st.subheader("Results", anchor=False)


def cell(figures: dict | None, key: str) -> str:
    return f"{figures[key]:.3f}" if figures and key in figures else "–"


def base_figure(base: dict[str, str]) -> str:
    return (
        f"{float(base['validation_mAP']):.4f}, the mean of {base['runs']} seeds with a standard "
        f"deviation of {float(base['spread_mAP']):.4f}"
    )


def over_seeds(figures: dict | None) -> str:
    if not figures:
        return "–"
    spread = f" ± {figures['mAP_spread']:.3f}" if figures.get("mAP_spread") else ""
    return f"{figures['mAP']:.3f}{spread}"


rows = []
for model in models:
    evaluated = model.card.metrics.get("eval", {})
    published = full.get(model.card.settings.pooling) if model.card.labels is None else None
    rows.append(
        {
            "Model": model_title(model),
            "mAP, balanced-only": cell(evaluated, "mAP"),
            "AUC, balanced-only": cell(evaluated, "AUC"),
            "d', balanced-only": cell(evaluated, "d_prime"),
            "mAP, validation part": over_seeds(model.card.metrics.get("validation")),
            "Parameters": f"{model.card.parameters / 1e6:.2f}M",
            "Size": f"{model.bytes / 1e6:.1f}\N{NO-BREAK SPACE}MB",
            "mAP, full data": cell(published, "mAP"),
            "AUC, full data": cell(published, "AUC"),
            "d', full data": cell(published, "d_prime"),
            "Published as": published["title"] if published else "–",
        }
    )
st.table({column: [row[column] for row in rows] for column in rows[0]}, hide_index=True)
sources = sorted({figures["source"] for figures in full.values()})
scored = {
    f'{model.card.metrics["eval"]["clips"]:,} clips of "{model.card.metrics["eval"]["set"]}"'
    for model in models
    if "eval" in model.card.metrics
}
st.caption(
    f"Balanced-only: this project's own models, trained on the 22,160 clips of AudioSet's balanced "
    f"training set and scored on {escape(', '.join(sorted(scored)))}. Full data: figures that "
    f"others published ({escape(', '.join(sources))}), each the average of nine checkpoints "
    "trained on 2.0M clips. They are no measure of these models, but of what more data gives. "
    "Validation part: mean and standard deviation over seeds of runs that held it out; it is as "
    "balanced as the training set, so its figures are higher and not to be set beside the others."
)
titled = [(model, full.get(model.card.settings.pooling)) for model in models]
chart(
    charts.results_dots(
        [model.card.title for model, _ in titled],
        {
            OURS: [model.card.metrics.get("eval", {}).get("mAP") for model, _ in titled],
            PUBLISHED: [found and found["mAP"] for _, found in titled],
        },
        "mAP on the evaluation set",
    ),
    "mAP of each model, balanced-only, beside the published figure for the full data",
    key="results",
    bar=False,
)

st.subheader("Learning curves", anchor=False)


def curves(key: str) -> dict[str, tuple[list[float], list[float]]]:
    found = {}
    for model in models:
        points = [row for row in model.learning_curve() if key in row]
        if points:
            found[model.card.title] = (
                [row["iteration"] for row in points],
                [row[key] for row in points],
            )
    return found


with errors_shown():
    for column, key, what in zip(
        st.columns(2, gap="medium"),
        ("validation_mAP", "loss"),
        ("mAP on the validation part", "Training loss"),
        strict=True,
    ):
        found = curves(key)
        with column:
            if found:
                chart(
                    charts.learning_curves(found, what),
                    f"{what} by iteration of each model",
                    key=key,
                    bar=False,
                )
            else:
                st.info(
                    f"{what}: no model here was measured on it while it was trained.",
                    icon=":material/info:",
                )
st.caption(
    "A model that was trained on the whole set has no figures on the validation part of its own; "
    "what is drawn there is of a run with the same settings that held the part out."
)

st.subheader("What averaging gives", anchor=False)
for what, record in averages().items():
    st.markdown(f"**{escape(what)}**")
    st.table(
        {
            "Scores of": [row["name"] for row in record["rows"]],
            "mAP": [cell(row, "mAP") for row in record["rows"]],
            "AUC": [cell(row, "AUC") for row in record["rows"]],
            "d'": [cell(row, "d_prime") for row in record["rows"]],
        },
        hide_index=True,
    )
    st.caption(f'On "{escape(record["set"])}": `{record["command"]}`')

st.subheader("What each setting gave", anchor=False)
st.markdown(
    "mAP on the validation part of the training set, which these runs never saw. Settings were "
    "chosen here; the evaluation set was kept for the published models."
)
for name, (base, *others) in ablations().items():
    st.markdown(f"**{TITLES[name]}**, beside `{base['setting']}`: mAP {base_figure(base)}")
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
    with st.expander("The figures"):
        st.table(
            {
                title: [row[column] or "–" for row in (base, *others)]
                for title, column in ABLATION_COLUMNS.items()
            },
            hide_index=True,
        )

st.subheader("Cards", anchor=False)
for model in models:
    card = model.card
    with st.expander(model_title(model), expanded=model.is_default):
        st.markdown(
            f"Trained on {escape(card.training.get('set', 'an unnamed set'))}, embeddings from "
            f"{escape(card.encoder)}, input `{card.input}`."
        )
        st.markdown("The command that makes it again")
        st.code(card.training.get("command", "not recorded"), language="bash", wrap_lines=True)
        if "command" in card.metrics.get("eval", {}):
            st.markdown("The command that scores it")
            st.code(card.metrics["eval"]["command"], language="bash", wrap_lines=True)
        st.markdown("The whole card")
        st.json(card.to_json() | {"labels": card.labels and list(card.labels)}, expanded=1)
