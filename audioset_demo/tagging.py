"""From a sound or its embeddings to tags, and to an explanation of their scores.

`Tagger` takes features, a waveform or a file, and returns a `Tagging`; every picture and export is
made from it.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from audioset_demo.audio.decoding import Sound, open_sound
from audioset_demo.audio.waveform import Waveform
from audioset_demo.device import resolve_device
from audioset_demo.embeddings.clip_arrays import embeddings_from_array
from audioset_demo.embeddings.frames import FRAME_S, Embeddings, Progress, hop_of
from audioset_demo.encoders import load_encoder
from audioset_demo.encoders.compact import CompactEncoder, unsure_below
from audioset_demo.encoders.encoder import Encoder
from audioset_demo.errors import FeaturesError
from audioset_demo.labels import Label
from audioset_demo.models.calibration import (
    Calibration,
    Prior,
    audioset_prior,
    move_prior,
    require_calibration,
    same_prior,
)
from audioset_demo.models.calibration_file import load_calibration
from audioset_demo.models.card import ModelCard, labels_of
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.combined import combined
from audioset_demo.models.network import TaggingModel
from audioset_demo.models.published import DEFAULT_MODEL, find_checkpoint

UNSURE = "Not sure"  # how a note begins


@dataclass(frozen=True)
class Tagging:
    """What is in a clip, when, and why: K classes, T frames.

    Attributes
    ----------
    labels : K labels: all of the model, in its order, or those with the highest scores
        (`Tagger.tag`)
    scores : (K,) float32 from 0 to 1; clips with a class score higher than clips without it
    times_s : (T,) start of each frame in seconds, evenly spaced; each covers 0.96 s
    frame_scores : (T, K), the score of each frame as a clip of its own
    attention : (T, K), weight of each frame for each class; sums to 1 over frames
    contributions : (T, K), contribution of each frame to each class's score
    constants : (K,), the part of the score that comes from no frame
    adds_up_to : "score" or "logit": what `contributions.sum(0) + constants` equals
    model : card of the model
    encoder : key of `ENCODER_TITLES`
    name, duration_s : of the clip
    notes : remarks for the user on how the clip was read
    calibration : of the model; None where it has none
    prior : with which `probabilities` hold; None: that of the calibration
    """

    labels: tuple[Label, ...]
    scores: np.ndarray
    times_s: np.ndarray
    frame_scores: np.ndarray
    attention: np.ndarray
    contributions: np.ndarray
    constants: np.ndarray
    adds_up_to: str
    model: ModelCard
    encoder: str
    name: str
    duration_s: float
    notes: tuple[str, ...]
    calibration: Calibration | None = None
    prior: Prior | None = None

    def combined(self, classes: Sequence[int]) -> np.ndarray:
        """When n classes are heard, (T, n): frame scores and contributions in one signal, as
        `models.combined` makes it.
        """
        kept = list(classes)
        return combined(self.scores[kept], self.frame_scores[:, kept], self.contributions[:, kept])

    @property
    def probabilities(self) -> np.ndarray | None:
        """Probability (K,) float64 of each class in the clip; None without a calibration."""
        if self.calibration is None:
            return None
        return self._calibrated(self.calibration, self.scores, self.labels)

    def probability(self, score: float, label: Label) -> float | None:
        """Of a clip with that score; None without a calibration."""
        if self.calibration is None:
            return None
        return float(self._calibrated(self.calibration, np.array([score]), (label,))[0])

    def _calibrated(
        self, calibration: Calibration, scores: np.ndarray, labels: Sequence[Label]
    ) -> np.ndarray:
        classes = [label.index for label in labels]
        found = calibration.probabilities(scores, classes)
        if self.prior is None:
            return found
        return move_prior(found, calibration.prior.shares[classes], self.prior.shares[classes])

    def thresholds(self, threshold: float | str) -> np.ndarray:
        """The score (K,) float32 from which each class counts.

        `threshold` is one score for all, or a name of `THRESHOLDS`.

        Raises
        ------
        CheckpointError
            If a name is given and the model has no calibration.
        """
        if isinstance(threshold, str):
            calibration = require_calibration(self.calibration, self.model.name)
            own = calibration.thresholds[threshold][[label.index for label in self.labels]]
            return own.astype(np.float32)
        return np.full(len(self.labels), threshold, np.float32)

    def reaching(self, threshold: float | str) -> "Tagging":
        """The classes alone whose scores reach `thresholds`."""
        kept = np.flatnonzero(self.scores >= self.thresholds(threshold))
        return replace(
            self,
            labels=tuple(self.labels[k] for k in kept),
            scores=self.scores[kept],
            frame_scores=self.frame_scores[:, kept],
            attention=self.attention[:, kept],
            contributions=self.contributions[:, kept],
            constants=self.constants[kept],
        )

    @property
    def is_unsure(self) -> bool:
        """Whether a note says that the top tag is as often wrong as right."""
        return any(note.startswith(UNSURE) for note in self.notes)

    @property
    def hop_s(self) -> float:
        """Seconds from one frame to the next."""
        return hop_of(self.times_s)

    def top(self, k: int, calibrated: bool = False) -> list[int]:
        """Indices of the `k` classes with the highest scores, or probabilities, best first."""
        return np.argsort(-self.values(calibrated), kind="stable")[:k].tolist()

    def values(self, calibrated: bool) -> np.ndarray:
        """(K,) scores, or probabilities.

        Raises
        ------
        CheckpointError
            If probabilities are asked for and the model has no calibration.
        """
        if not calibrated:
            return self.scores
        require_calibration(self.calibration, self.model.name)
        assert self.probabilities is not None
        return self.probabilities


@dataclass(frozen=True)
class Strands:
    """The S parts of a class's score that have an attention of their own.

    Attributes
    ----------
    names : of hidden layers or units; none where the class has one attention for all of its score
    attention : (T, S), sums to 1 over frames
    contributions : (T, S)
    """

    names: tuple[str, ...]
    attention: np.ndarray
    contributions: np.ndarray


class Tagger:
    """One model behind one encoder.

    The encoder is loaded when a sound first needs it; features need none. Both run on `device`, as
    in `resolve_device`; results are on the CPU.
    """

    def __init__(
        self,
        model: TaggingModel,
        card: ModelCard,
        encoder: str = "auto",
        device: str = "auto",
        calibration: Calibration | None = None,
    ):
        self.device = resolve_device(device)
        self.model = model.to(self.device)
        self.card = card
        self.labels = labels_of(card)
        self.calibration = calibration
        self._encoder_name = encoder
        self._encoder: Encoder | None = None
        self._lock = threading.Lock()

    @property
    def encoder(self) -> Encoder:
        with self._lock:
            if self._encoder is None:
                self._encoder = load_encoder(self._encoder_name, self.device.type)
        return self._encoder

    def encode(
        self,
        source: str | Path | bytes | Sound | Waveform | Embeddings,
        hop_s: float = FRAME_S,
        progress: Progress | None = None,
        *,
        tail: str = "drop",
        resampler: str = "soxr",
    ) -> Embeddings:
        """Embeddings of a file, its bytes, an open sound or a waveform; embeddings are returned.

        A file is never held as a whole: memory grows with the number of frames only.

        Parameters
        ----------
        hop_s, progress, tail, resampler : as in `Encoder.encode`; embeddings ignore them.

        Raises
        ------
        AudioError, WeightsError
            If the sound cannot be read, or the encoder is not installed.
        AudioSetDemoError
            If there is no such hop, tail or resampler.
        """
        if isinstance(source, Embeddings):
            return source
        if isinstance(source, Sound | Waveform):
            return self.encoder.encode(source, hop_s, progress, tail=tail, resampler=resampler)
        with open_sound(source) as sound:
            return self.encode(sound, hop_s, progress, tail=tail, resampler=resampler)

    def tag(
        self,
        source: str | Path | bytes | Sound | Waveform | Embeddings,
        hop_s: float = FRAME_S,
        progress: Progress | None = None,
        *,
        tail: str = "drop",
        resampler: str = "soxr",
        top: int | None = None,
        classes: Sequence[int] | None = None,
    ) -> Tagging:
        """Tag a sound or its embeddings; parameters and errors are those of `encode`.

        Parameters
        ----------
        top : number of classes to keep, those with the highest scores, best first; None: all. Each
            class takes 12 bytes per frame, so the 527 of AudioSet take 2 GB for an hour with a
            frame every 0.01 s.
        classes : indices of the only classes that are kept, whatever their scores; None: all
        """
        embeddings = self.encode(source, hop_s, progress, tail=tail, resampler=resampler)
        return self._tag_embeddings(embeddings, top, classes)

    def tag_features(self, features: np.ndarray, name: str = "features") -> Tagging:
        """Tag features (T, 128): uint8 as released, or float after `(uint8 - 128) / 128`.

        Raises
        ------
        FeaturesError
            If the array has another form.
        """
        return self._tag_embeddings(embeddings_from_array(features, name))

    def occlude(
        self,
        embeddings: Embeddings,
        silence: np.ndarray | None = None,
        classes: Sequence[int] | None = None,
    ) -> np.ndarray:
        """The drop of scores when one frame at a time is silenced: (T, n) float32.

        Parameters
        ----------
        silence : (128,) uint8, the encoder's output for silence (`encoders.silent_frame`);
            None: frames are left out instead
        classes : indices of n classes; None: all K

        Raises
        ------
        FeaturesError
            If the only frame would be left out.
        """
        quantised = embeddings.require_quantised()
        if silence is None and len(quantised) == 1:
            raise FeaturesError(
                f"{embeddings.name} has one frame, and no other is left without it. Use a clip of "
                "1.92 s or more."
            )
        stand_in = None if silence is None else torch.from_numpy(silence)
        return self.model.occlude(torch.from_numpy(quantised), stand_in, classes).numpy()

    def strands(self, embeddings: Embeddings, k: int, most: int = 6) -> Strands:
        """What carries class `k`: hidden layers or units, the `most` that carry it most."""
        frames = torch.from_numpy(embeddings.require_quantised())
        found = self.model.strands(frames, k, most)
        none = np.empty((len(frames), 0), np.float32)
        return Strands(
            tuple(strand.name for strand in found),
            np.stack([strand.attention.numpy() for strand in found], 1) if found else none,
            np.stack([strand.contributions.numpy() for strand in found], 1) if found else none,
        )

    def _tag_embeddings(
        self,
        embeddings: Embeddings,
        top: int | None = None,
        classes: Sequence[int] | None = None,
    ) -> Tagging:
        frames = torch.from_numpy(embeddings.require_quantised())
        explanation = self.model.explain(frames, top, classes)
        # Of classes that were asked for, none claims to be the best.
        highest = 1.0 if classes is not None else float(explanation.scores.max())
        return Tagging(
            labels=tuple(self.labels[k] for k in explanation.classes.tolist()),
            scores=explanation.scores.numpy(),
            times_s=embeddings.times_s,
            frame_scores=explanation.frame_scores.numpy(),
            attention=explanation.attention.numpy(),
            contributions=explanation.contributions.numpy(),
            constants=explanation.constants.numpy(),
            adds_up_to=explanation.adds_up_to,
            model=self.card,
            encoder=embeddings.encoder,
            name=embeddings.name,
            duration_s=embeddings.duration_s,
            notes=embeddings.notes + _sureness(embeddings, self.card, highest),
            calibration=self.calibration,
        )

    def prior(self, named: str | float) -> Prior:
        """A prior for `Tagging.prior`: "fitted", "audioset", or one share for every class.

        Raises
        ------
        CheckpointError
            If the model has no calibration, or "audioset" is asked for and its classes are others.
        """
        fitted = require_calibration(self.calibration, self.card.name).prior
        if named == "fitted":
            return fitted
        if named == "audioset":
            return audioset_prior(self.labels)
        return same_prior(float(named), len(self.labels))


def _sureness(embeddings: Embeddings, card: ModelCard, top: float) -> tuple[str, ...]:
    """A remark where the top tag is as often wrong as right."""
    least = unsure_below(card.in_short) if embeddings.encoder == CompactEncoder.name else 0.0
    if top >= least:
        return ()
    return (
        f"{UNSURE}: the highest score is {top:.2f}, and of the top tags that score below "
        f"{least:.2f} with the compact encoder at least half are wrong.",
    )


def load_tagger(
    model: str | Path = DEFAULT_MODEL,
    encoder: str = "auto",
    pooling: str | None = None,
    device: str = "auto",
) -> Tagger:
    """A tagger from the name of a published model, or the path of a checkpoint.

    Parameters
    ----------
    model : a checkpoint may be one of this project or of the reference
    encoder : "auto" is VGGish if it is installed, else the compact encoder
    pooling : "average" or "max", for a checkpoint of the reference whose tensors do not show it
    device : "cpu", "cuda", "mps", or "auto" for a GPU if torch finds one

    Raises
    ------
    CheckpointError
        If there is no such model, or it or its calibration is damaged.
    AudioSetDemoError
        If this machine lacks the device.
    """
    resolve_device(device)  # refused before anything is read
    path = find_checkpoint(model)
    network, card = load_checkpoint(path, pooling)
    calibration = load_calibration(path, card.settings.n_classes)
    return Tagger(network, card, encoder, device, calibration)
