"""The evidence that ships with the models, and the statistics that the page draws from it."""

import math
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import stats

from audioset_demo.errors import CheckpointError
from audioset_demo.evidence import ontology, statistics
from audioset_demo.evidence.clips import eval_clips, with_ancestors
from audioset_demo.evidence.of_model import EVIDENCE_FILE, evidence
from audioset_demo.evidence.published import published_ap
from audioset_demo.labels import audioset_labels
from audioset_demo.models.published import find_published, published_models

LABELS = audioset_labels()
INDEX = {label.name: label.index for label in LABELS}


@pytest.mark.parametrize("model", published_models(), ids=lambda model: model.name)
def test_every_published_model_has_evidence_of_its_figures(model):
    found = evidence(model)
    known = model.average_precision()
    np.testing.assert_allclose(found.ap, [known[k] for k in range(527)], atol=1e-3)
    assert ((found.low <= found.ap) & (found.ap <= found.high)).all()
    assert (found.n_positive == [label.n_eval for label in LABELS]).all()
    assert found.curve_error.max() < 0.02


def test_evidence_is_small():
    folder = find_published("max").path.parents[1]
    sizes = [path.stat().st_size for path in folder.glob(f"*/{EVIDENCE_FILE}")]
    assert sum(sizes) < 3e6


def test_evidence_of_another_training_is_refused(tmp_path, monkeypatch):
    model = find_published("max")
    (tmp_path / EVIDENCE_FILE).write_bytes(
        (find_published("average").path.parent / EVIDENCE_FILE).read_bytes()
    )
    (tmp_path / "per_class.csv").write_bytes((model.path.parent / "per_class.csv").read_bytes())
    other = replace(model, path=tmp_path / "checkpoint.safetensors")
    with pytest.raises(CheckpointError, match="not of the training of 'max'"):
        evidence(other)
    (tmp_path / EVIDENCE_FILE).unlink()
    assert evidence(other) is None


def test_clips_lead_to_their_second_and_to_what_annotators_heard():
    clips = eval_clips()
    assert len(clips) == 20_371 and clips.covered.sum() == 15_646 and clips.complete.sum() == 101
    assert clips.address(0) == "https://www.youtube.com/watch?v=--4gqARaEJE&t=0s"
    assert [LABELS[k].name for k in clips.labels_of(0)] == [
        LABELS[k].name for k in np.flatnonzero(clips.has_label[0])
    ]
    k = INDEX["Speech"]
    heard = clips.heard_of(k)
    assert heard[clips.heard_of(INDEX["Male speech, man speaking"])].all()
    assert not heard[~clips.covered].any()
    said = clips.strong(np.arange(len(clips)), k)
    assert said.count("present") == heard.sum()
    assert said.count("not covered") == len(clips) - 15_646
    first, n = clips.co_occurring(INDEX["Siren"])[0]
    both = clips.has_label[:, INDEX["Siren"]] & clips.has_label[:, first]
    assert n == both.sum() and first != INDEX["Siren"]


@pytest.mark.data
def test_clips_are_those_of_the_released_set(shared_data):
    clips = eval_clips()
    with h5py.File(shared_data / "audioset/eval.h5") as file:
        np.testing.assert_array_equal(clips.video_ids, file["video_id_list"][:])
        np.testing.assert_array_equal(clips.starts_s, file["segment_times"][:, 0])
        np.testing.assert_array_equal(clips.has_label, file["y"][:])


def test_a_class_implies_itself_and_those_above_it():
    implied = with_ancestors(LABELS)
    assert {LABELS[k].name for k in np.flatnonzero(implied[INDEX["Bark"]])} == {
        "Animal", "Domestic animals, pets", "Dog", "Bark",
    }  # fmt: skip


def test_others_ap_has_the_published_means():
    instances, cnn14 = published_ap()
    assert np.mean(instances.ap) == pytest.approx(0.317, abs=5e-4)
    assert np.mean(cnn14.ap) == pytest.approx(0.431, abs=5e-3)


def test_intervals_of_votes_are_those_of_scipy():
    n_true, n = np.array([0, 4, 10, 0]), np.array([10, 9, 10, 0])
    low, high = statistics.wilson(n_true, n)
    for k in range(3):
        expected = stats.binomtest(n_true[k], n[k]).proportion_ci(method="wilson")
        assert (low[k], high[k]) == pytest.approx((expected.low, expected.high))
    assert math.isnan(low[3])


def test_correlations_are_those_of_scipy_with_an_interval_around_them():
    rng = np.random.default_rng(0)
    x = np.append(rng.random(300), np.nan)
    y = np.append(x[:300] + rng.random(300), 1.0)
    found = statistics.correlations(x, y)
    assert found["Pearson"].value == pytest.approx(stats.pearsonr(x[:300], y[:300]).statistic)
    assert found["Spearman"].value == pytest.approx(stats.spearmanr(x[:300], y[:300]).statistic)
    assert all(each.low < each.value < each.high and each.n == 300 for each in found.values())
    # Fisher's interval, which holds for normal values.
    half = 1.96 * (1 - found["Pearson"].value ** 2) / math.sqrt(300)
    assert found["Pearson"].high - found["Pearson"].low == pytest.approx(2 * half, rel=0.25)
    assert statistics.correlations(x, np.ones(301)) == {}


def test_models_differ_where_the_draws_agree_that_they_do():
    one = evidence(find_published("feature_attention"))
    same = statistics.difference(one, one)
    assert same.mean == 0 and not same.beyond_chance.any()
    worse = replace(one, ap=one.ap - np.where(np.arange(527) < 50, 0.05, 0).astype(np.float32))
    found = statistics.difference(one, worse)  # the same draws: the difference is sure
    np.testing.assert_allclose(found.low, found.ap, atol=1e-6)
    other = evidence(find_published("max"))
    found = statistics.difference(one, other)
    assert found.mean_low < found.mean < found.mean_high
    assert ((found.low > 0) | (found.high < 0))[found.beyond_chance].mean() > 0.95
    assert statistics.difference(one, replace(other, replicates=other.replicates[:5])) is None


def test_boxes_hold_their_children_side_by_side():
    ap = np.linspace(0, 1, 527)
    boxes = ontology.nodes(LABELS, ap)
    roots = [box for box in boxes if box.level == 0]
    assert [box.start for box in roots] == list(np.cumsum([0, *(r.size for r in roots)])[:-1])
    dog = next(box for box in ontology.nodes(LABELS, ap, "Dog") if box.level == 0)
    inside = [label for label in LABELS if label.name == "Dog" or "Dog" in label.ancestors]
    assert dog.name == "Dog" and dog.n_classes == len(inside)
    assert dog.ap == pytest.approx(np.mean([ap[label.index] for label in inside]))
    assert {"Animal", "Dog"} <= set(ontology.parts(LABELS)) and "Bark" not in ontology.parts(LABELS)


@pytest.mark.parametrize("model", published_models(), ids=lambda model: model.name)
def test_the_page_on_classes_holds_what_was_found(model):
    page = Path(__file__).parents[2] / "docs" / "classes.md"
    found, complete = evidence(model), eval_clips().complete
    present, absent, _ = found.vindicated[complete].sum(axis=0, dtype=int)
    cells = [f"{found.ap.mean():.3f}", f"{100 * present / (present + absent):.1f} %"]
    for values in (
        np.log10([label.n_train for label in LABELS]),
        np.log10([label.n_bal_train for label in LABELS]),
        np.array([np.nan if label.quality is None else label.quality for label in LABELS]),
    ):
        cells.append(f"{statistics.correlations(values, found.ap)['Spearman'].value:+.2f}")
    if not model.is_default:
        gain = statistics.difference(evidence(find_published("feature_attention")), found)
        better = int((gain.beyond_chance & (gain.ap > 0)).sum())
        interval = f"{gain.mean:+.4f} ({gain.mean_low:+.4f} to {gain.mean_high:+.4f})"
        cells += [interval, str(better), str(int(gain.beyond_chance.sum()) - better)]
    assert f"| {model.title} | {' | '.join(cells)} |" in page.read_text(encoding="utf-8")
