"""The documents: their figures are those published, and their links lead to files."""

import re

import pytest

from audioset_demo.encoders.compact import compact_card
from audioset_demo.models.calibration_file import load_calibration
from audioset_demo.models.experiments import ablations, averages, occlusion
from audioset_demo.models.localisation import summary
from audioset_demo.models.published import published_models
from tests.documents.pages import PAGES, ROOT
from train.tagger.config import FitConfig


@pytest.mark.parametrize("model", published_models(), ids=lambda model: model.name)
def test_the_readme_s_table_holds_the_figures_of_the_cards(model):
    figures = model.card.metrics["eval"]
    cells = [f"{figures[key]:.3f}" for key in ("mAP", "AUC", "d_prime")]
    row = rf"\| *{re.escape(model.card.title)} *\| *{cells[0]} *\| *{cells[1]} *\| *{cells[2]} *\|"
    assert re.search(row, PAGES[0].read_text(encoding="utf-8"))


@pytest.mark.parametrize("model", ablations())
def test_the_training_page_holds_what_was_measured_of_each_setting(model):
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    for row in ablations()[model]:
        figure = f"{float(row['validation_mAP']):.4f}"
        assert re.search(rf"\| `{re.escape(row['setting'])}` \| {row['runs']} \| {figure}", text)


@pytest.mark.parametrize("what", averages())
def test_the_training_page_holds_what_averaging_gives(what):
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    for row in averages()[what]["rows"]:
        assert f"| {row['name']} | {row['mAP']:.4f} | {row['AUC']:.4f} |" in text


def test_the_page_on_calibration_holds_what_was_measured():
    text = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    for model in published_models():
        calibration = load_calibration(model.path, model.card.settings.n_classes)
        for number, row in calibration.metrics["reliability"].items() if calibration else ():
            cells = [f"{row['brier']['value']:.6f} ", f"{row['log_loss']['value']:.6f} "]
            assert f"| {model.title} | {number} | {cells[0]}" in text and cells[1] in text
        for name, row in calibration.metrics["decisions"].items() if calibration else ():
            assert f"| {model.title} | {name} | {row['f1']:.3f} | {row['precision']:.3f} |" in text


def test_the_training_page_holds_the_faithfulness_of_attention():
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    for row in occlusion()["rows"]:
        cells = [
            "–" if rho is None else f"{rho:.2f}, {row['first_place'][reading]:.0%}"
            for reading, rho in row["rank_correlation"].items()
        ]
        assert f"| {row['title']} | {' | '.join(cells)} |" in text
    assert occlusion()["command"] in text


def test_the_page_on_localisation_holds_what_was_measured():
    text = (ROOT / "docs" / "localisation.md").read_text(encoding="utf-8")
    for row in summary()["models"]:
        for figures in row["signals"].values():
            interval = f"{figures['auc_low']:.3f} to {figures['auc_high']:.3f}"
            shown = [figures["partial_auc"], figures["f1"]]
            shown += [figures["deletion"], figures["insertion"]]
            cells = [f"{figures['auc']:.3f} ({interval})", f"{figures['share_of_ceiling']:.0%}"]
            cells += [f"{value:.3f}" for value in shown]
            assert f" | {' | '.join(cells)} |" in text
    for ceiling in summary()["ceilings"]:
        assert f"| {ceiling['name']} | {ceiling['auc']:.3f} " in text
    for mixture in (summary()["mixture"], summary()["chosen_mixture"]):
        interval = f"({mixture['auc_low']:.3f} to {mixture['auc_high']:.3f})"
        share = f"{mixture['share_of_ceiling']:.1%}"
        assert f"mixed and smoothed | {mixture['auc']:.3f} {interval} | {share} |" in text


def test_the_page_of_the_compact_encoder_holds_the_figures_of_its_card():
    text = (ROOT / "docs" / "compact_encoder.md").read_text(encoding="utf-8")
    for name, figures in compact_card()["held_out"]["figures"].items():
        shares = [f"{figures['all'][key]:.3f}" for key in ("top1", "top5", "top10")]
        assert f"| {name} | {' | '.join(shares)} |" in text


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_links_point_to_files_that_are_there(document):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_figure_is_of_the_whole_evaluation_set_and_names_its_training_set():
    for model in published_models():
        assert model.card.metrics["eval"]["set"] == "eval"
        assert model.card.metrics["eval"]["clips"] == 20_371
        assert "bal_train" in model.card.training["set"]


def test_the_command_of_each_card_makes_a_run_of_its_configuration():
    for model in published_models():
        training = model.card.training
        assert FitConfig.from_json(training["config"]).command() == training["command"]


def test_half_precision_changes_no_published_score_by_a_thousandth():
    for model in published_models():
        assert model.card.metrics["half_precision_max_difference"] < 1e-3


@pytest.mark.data
@pytest.mark.slow
def test_the_default_model_s_figures_are_reproduced(shared_data):
    from audioset_demo.models.published import default_model
    from train.tagger.evaluate import evaluate

    published = default_model()
    figures = published.card.metrics["eval"]
    result = evaluate(published.path, shared_data / "audioset/eval.h5")
    assert result.mean_average_precision == pytest.approx(figures["mAP"], abs=5e-5)
    assert result.mean_auc == pytest.approx(figures["AUC"], abs=5e-5)
    assert result.d_prime == pytest.approx(figures["d_prime"], abs=5e-4)
