"""The training data: batches of scenes, and the target scores for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from audioset_demo.encoders.logmel import LOG_OFFSET

# Where a label is trusted, the teacher's scores of other classes are scaled: by 1 in kinds where it
# always has a class of the label among its top ones, by this where it never has.
TEACHER_WITH_LABEL = 0.25
TOP_OF_TEACHER, TRUSTED = 5, 0.9
# Mixing in the log-mel domain: the second scene is quieter by this many dB; from
# INAUDIBLE_DB on it adds nothing to the targets.
MIX_RANGE_DB = (0.0, 24.0)
INAUDIBLE_DB = 18.0
GAIN_RANGE_DB = (-12.0, 6.0)
MAX_MASKED_FRAMES, MAX_MASKED_BANDS = 24, 10
MAX_SHIFTED_BANDS = 2  # up or down, as if the sound were a little higher or lower
MAX_CLIP_FRAMES = 5
SILENT_CLIPS = 0.05


@dataclass(frozen=True)
class Batch:
    """B scenes and one of silence, and C clips composed of them.

    Attributes
    ----------
    examples : (B + 1, 96, 64) log-mel; the last is silence.
    targets : (B, K) target scores.
    scores : (B, C) the teacher's scores.
    own : (B,) 1 where a scene was left unmixed, so that the teacher's output still holds.
    scenes : (B,) indices of the louder scenes.
    clips : (C, 5) int64 rows of `examples`; mask : (C, 5) bool, True for real frames.
    clip_targets : (C, K) target scores of the clips.
    """

    examples: Tensor
    targets: Tensor
    scores: Tensor
    own: Tensor
    scenes: np.ndarray
    clips: Tensor
    mask: Tensor
    clip_targets: Tensor


class Material:
    """All scenes of a run; the shards stay on disk and are mapped.

    Parameters
    ----------
    shards : folders written by `make_shards`.
    targets : (n kinds, K) target scores of each kind.
    columns : (K,) the teacher's column for each class, -1 where it has none.
    silence : (K,) target scores of a silent clip.
    """

    def __init__(
        self, shards: list[Path], targets: np.ndarray, columns: np.ndarray, silence: np.ndarray
    ):
        self._columns = columns
        self._silence = torch.from_numpy(silence)
        self._kind_targets = np.concatenate([targets, np.zeros_like(targets[:1])])  # -1: no kind
        self._arrays = [
            {
                name: np.load(shard / f"{name}.npy", mmap_mode="r")
                for name in ("examples", "scores", "kinds", "trust", "frames")
                if (shard / f"{name}.npy").is_file()
            }
            for shard in shards
        ]
        sizes = [len(arrays["kinds"]) for arrays in self._arrays]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._teacher_share = np.append(self._agreement(), 1.0).astype(np.float32)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _agreement(self) -> np.ndarray:
        """(n kinds,) the share of trusted scenes of each kind that the teacher is right on."""
        n_kinds = len(self._kind_targets) - 1
        right, total = np.zeros(n_kinds), np.zeros(n_kinds)
        for arrays in self._arrays:
            kinds, trust = arrays["kinds"][:], arrays["trust"][:]
            rows = np.flatnonzero((trust[:, 0] > TRUSTED) & (trust[:, 1] == 0) & (kinds[:, 0] >= 0))
            if not len(rows):
                continue
            teacher = self._of_classes(arrays["scores"][rows])
            least = np.partition(teacher, -TOP_OF_TEACHER, axis=1)[:, -TOP_OF_TEACHER]
            of_label = (teacher * (self._kind_targets[kinds[rows, 0]] >= 0.5)).max(axis=1)
            np.add.at(right, kinds[rows, 0], (of_label > 0) & (of_label >= least))
            np.add.at(total, kinds[rows, 0], 1)
        return TEACHER_WITH_LABEL + (1 - TEACHER_WITH_LABEL) * right / np.maximum(total, 1)

    def _of_classes(self, teacher: np.ndarray) -> np.ndarray:
        """The teacher's scores (B, C) for the classes (B, K); 0 where it has no such class."""
        return np.where(self._columns >= 0, teacher[:, self._columns], 0.0).astype(np.float32)

    @property
    def n_scores(self) -> int:
        """C, the number of the teacher's classes."""
        return self._arrays[0]["scores"].shape[1]

    def _rows(self, name: str, scenes: np.ndarray) -> np.ndarray:
        shard = np.searchsorted(self._starts, scenes, side="right") - 1
        rows = [
            self._arrays[s][name][scene - self._starts[s]]
            for s, scene in zip(shard, scenes, strict=True)
        ]
        return np.stack(rows).astype(np.float32 if name != "kinds" else np.int64)

    def frames(self, scenes: np.ndarray) -> np.ndarray:
        """(B, 128) float32: the frames of a teacher that gives them."""
        return self._rows("frames", scenes)

    def targets(self, scenes: np.ndarray) -> np.ndarray:
        """(B, K) float32: the teacher's scores, overruled by the labels where those are trusted."""
        wanted = self._of_classes(self._rows("scores", scenes))
        kinds, trust = self._rows("kinds", scenes), self._rows("trust", scenes)
        labelled = (self._kind_targets[kinds] * trust[:, :, None]).max(axis=1)
        scale = 1 - (trust * (1 - self._teacher_share[kinds])).max(axis=1, keepdims=True)
        return np.maximum(wanted * scale, labelled).astype(np.float32)

    def batch(self, scenes: np.ndarray, rng: np.random.Generator) -> Batch:
        """Scenes changed at random: gain, half of them mixed with one another, parts masked."""
        count = len(scenes)
        mel = torch.from_numpy(self._rows("examples", scenes)).exp_().sub_(LOG_OFFSET).clamp_(min=0)
        wanted = torch.from_numpy(self.targets(scenes))

        mixes = torch.from_numpy(rng.random(count) < 0.5)
        other = torch.from_numpy(rng.permutation(count))
        quieter_db = rng.uniform(*MIX_RANGE_DB, count)
        level = mel.mean(dim=(1, 2)) + 1e-6
        gain = level / level[other] * torch.from_numpy(10 ** (-quieter_db / 20)).float()
        gain = torch.where(level[other] > 1e-4, gain, 0.0) * mixes
        audible = torch.from_numpy(np.clip(1 - quieter_db / INAUDIBLE_DB, 0, 1)).float()
        audible = audible * (gain > 0)
        mel = mel + mel[other] * gain[:, None, None]
        wanted = torch.maximum(wanted, wanted[other] * audible[:, None])

        loudness = 10 ** (rng.uniform(*GAIN_RANGE_DB, count) / 20)
        mel *= torch.from_numpy(loudness).float()[:, None, None]
        for row in range(count):
            _shift_and_mask(rng, mel[row])
        clips, mask = compose(rng, count)
        # Silence adds nothing to a clip with sound.
        of_examples = torch.cat([wanted, torch.zeros_like(wanted[:1])])
        clip_targets = (of_examples[clips] * mask[:, :, None]).amax(dim=1)
        clip_targets[(clips == count).all(dim=1)] = self._silence
        return Batch(
            examples=torch.cat([mel, torch.zeros_like(mel[:1])]).add_(LOG_OFFSET).log_(),
            targets=wanted,
            scores=torch.from_numpy(self._rows("scores", scenes)),
            own=(gain == 0).float(),
            scenes=scenes,
            clips=clips,
            mask=mask,
            clip_targets=clip_targets,
        )


def _shift_and_mask(rng: np.random.Generator, mel: Tensor) -> None:
    """Shift the bands of one scene (96, 64) a little and mask parts of it, in place."""
    shift = int(rng.integers(-MAX_SHIFTED_BANDS, MAX_SHIFTED_BANDS + 1))
    bands = torch.arange(mel.shape[1]) - shift
    mel.copy_(mel[:, bands.clamp(0, mel.shape[1] - 1)])
    if rng.random() < 0.5:
        start, width = rng.integers(0, len(mel)), rng.integers(0, MAX_MASKED_FRAMES)
        mel[start : start + width] = 0
    if rng.random() < 0.5:
        start, width = rng.integers(0, mel.shape[1]), rng.integers(0, MAX_MASKED_BANDS)
        mel[:, start : start + width] = 0


def compose(rng: np.random.Generator, n_scenes: int) -> tuple[Tensor, Tensor]:
    """Clips of two to five frames: rows (C, 5) and mask (C, 5), for half as many clips as scenes.

    Half of the clips are a scene within silence, like recordings of short sounds; in the others
    a second scene comes before or after it. A few clips are silent.
    """
    n_clips = max(1, n_scenes // 2)
    clips = np.full((n_clips, MAX_CLIP_FRAMES), n_scenes)
    mask = np.arange(MAX_CLIP_FRAMES) < rng.integers(2, MAX_CLIP_FRAMES + 1, n_clips)[:, None]
    for row, first in enumerate(rng.permutation(n_scenes)[:n_clips]):
        if rng.random() < SILENT_CLIPS:
            continue
        places = rng.permutation(mask[row].sum())
        clips[row, places[0]] = first
        if rng.random() < 0.5:
            clips[row, places[1]] = rng.integers(n_scenes)
    return torch.from_numpy(clips), torch.from_numpy(mask)
