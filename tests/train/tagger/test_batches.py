"""Batches: what an iteration trains on, and that it depends on (seed, iteration) alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.errors import DataError
from audioset_demo.labels import audioset_labels
from train.tagger.batches import Batch, Batches, mix, pick_frames
from train.tagger.config import FitConfig
from train.tagger.losses import LOSSES
from train.tagger.missing_labels import MissingLabels, ancestors


def some_batch(seed: int, n_clips: int = 6, n_frames: int = 5) -> Batch:
    """Clips whose frames are all different, each of a random length."""
    rng = np.random.default_rng(seed)
    lengths = torch.from_numpy(rng.integers(1, n_frames + 1, n_clips))
    mask = torch.arange(n_frames) < lengths[:, None]
    clips = torch.from_numpy(rng.random((n_clips, n_frames, 128), np.float32)) + 1
    return Batch(clips * mask[:, :, None], mask, torch.eye(n_clips))


@given(st.integers(0, 10_000), st.integers(1, 7))
def test_frames_picked_are_real_frames_of_their_clip_each_once(seed, n_frames):
    batch = some_batch(seed)
    picked = pick_frames(batch, n_frames, np.random.default_rng(seed))
    wanted = batch.mask.sum(1).clamp(max=n_frames)
    assert torch.equal(picked.mask.sum(1), wanted)
    for clip, kept, there in zip(batch.clips, picked.clips, picked.mask, strict=True):
        own = {frame.item() for frame in clip[:, 0]}
        chosen = [frame.item() for frame in kept[there][:, 0]]
        assert len(set(chosen)) == len(chosen) and set(chosen) <= own and 0 not in chosen


@given(st.integers(0, 10_000), st.floats(0.05, 5))
def test_mixup_mixes_clips_and_labels_in_the_same_share(seed, alpha):
    batch = some_batch(seed)
    clips = torch.eye(6)[:, None, :].expand(6, 5, 6)
    mixed = mix(Batch(clips, batch.mask, batch.targets), alpha, np.random.default_rng(seed))
    assert torch.allclose(mixed.clips[:, 0], mixed.targets)
    assert torch.allclose(mixed.targets.sum(1), torch.ones(6))
    assert (mixed.mask.sum(1) >= 1).all() and (mixed.mask <= batch.mask).all()


def test_batches_made_ahead_are_those_of_their_iterations(features):
    config = FitConfig(batch_size=8, frames=2, noise=0.1, seed=3)
    ahead = list(Batches(config, features).ahead(range(5, 12)))
    assert len(ahead) == 7
    for iteration, batch in zip(range(5, 12), ahead, strict=True):
        alone = Batches(config, features).batch(iteration)
        assert torch.equal(batch.clips, alone.clips) and torch.equal(batch.mask, alone.mask)
        assert torch.equal(batch.targets, alone.targets)


def test_a_teacher_takes_its_share_of_the_targets(features):
    config = FitConfig(batch_size=8, mixup=0, teacher_weight=0.25)
    scores = np.full((len(features), 3), 0.5, np.float16)
    plain = Batches(config, features).batch(0).targets
    taught = Batches(config, features, scores).batch(0).targets
    assert torch.allclose(taught, 0.75 * plain + 0.25 * 0.5)


@given(st.integers(0, 10_000), st.integers(0, 5))
def test_targets_of_frames_go_with_their_frames(seed, n_frames):
    """Picked and mixed alike: here each frame's target is the frame."""
    batch = some_batch(seed)
    batch = replace(batch, frame_targets=batch.clips)
    rng = np.random.default_rng(seed)
    mixed = mix(pick_frames(batch, n_frames, rng) if n_frames else batch, 1.0, rng)
    assert torch.equal(mixed.frame_targets[mixed.mask], mixed.clips[mixed.mask])


def test_unlabelled_ancestors_are_unknown_and_all_else_is_as_labelled():
    labels = {label.name: label.index for label in audioset_labels()}
    targets = torch.zeros(1, 527)
    targets[0, labels["Acoustic guitar"]] = 1
    marked = MissingLabels(None).mark(targets)[0]
    unknown = {name for name, index in labels.items() if marked[index].isnan()}
    assert unknown == {"Guitar", "Plucked string instrument", "Musical instrument", "Music"}
    known = ~marked.isnan()
    assert torch.equal(marked[known], targets[0][known])


def test_nothing_is_its_own_ancestor():
    assert not ancestors(audioset_labels()).diagonal().any()


def test_missing_labels_are_marked_for_audioset_s_classes_only():
    with pytest.raises(DataError, match="bell, siren"):
        MissingLabels(("bell", "siren"))


@pytest.mark.parametrize("name", LOSSES)
@given(st.floats(0.01, 0.99), st.floats(0, 1))
def test_every_loss_is_lowest_where_the_score_is_the_target(name, score, target):
    """So a model learns soft targets too, from mixup or a teacher."""
    scores = torch.tensor([score], requires_grad=True)
    LOSSES[name](scores, torch.tensor([target])).backward()
    gradient = scores.grad.item()
    if abs(score - target) < 1e-6:
        assert abs(gradient) < 1e-3
    else:
        assert gradient * (score - target) > 0


def test_bad_settings_are_refused_by_value():
    for setting, message in (
        ({"frames": -1}, "--frames must be 0 .* not -1"),
        ({"ema": 1.0}, "--ema must be .* below 1, not 1.0"),
        ({"teacher_weight": 2}, "--teacher-weight must be from 0 to 1, not 2"),
        ({"batch_size": 1}, "--batch-size must be at least 2"),
        ({"seed": -1}, "--seed must be from 0 to .*, not -1"),
    ):
        with pytest.raises(DataError, match=message):
            FitConfig(**setting)
