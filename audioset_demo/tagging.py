"""From a sound or its embeddings to tags, and to the reasons for them.

A ladder of rungs, each a method of `Tagger`: features -> `Tagging`, waveform -> `Tagging`,
file -> `Tagging`. `Tagging` is the one result; every picture and export is drawn from it.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audioset_demo.audio.decoding import Sound, open_sound
from audioset_demo.audio.waveform import Waveform
from audioset_demo.device import resolve_device
from audioset_demo.embeddings.frames import FRAME_S, Embeddings, Progress, hop_of
from audioset_demo.embeddings.reading import embeddings_from_array
from audioset_demo.encoders import Encoder, load_encoder
from audioset_demo.errors import CheckpointError, FeaturesError
from audioset_demo.labels import Label, audioset_labels, own_labels
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import load_checkpoint
from audioset_demo.models.network import TaggingModel, as_input
from audioset_demo.models.published import DEFAULT_MODEL, find_checkpoint


@dataclass(frozen=True)
class Tagging:
    """What is in a clip, when, and why: K classes, T frames.

    Attributes
    ----------
    labels : K labels
    scores : (K,) float32, probability of each class in the clip
    times_s : (T,) start of each frame in seconds, evenly spaced; each covers 0.96 s
    frame_scores : (T, K), the score that each frame would get as a clip of its own
    attention : (T, K), weight of each frame for each class; sums to 1 over frames
    contributions : (T, K), share of each frame in each class's score
    constants : (K,), what a class has before any frame
    adds_up_to : "score" or "logit": what `contributions.sum(0) + constants` equals
    model : card of the model that spoke
    encoder : key of `ENCODER_TITLES`
    name, duration_s : of the clip
    notes : remarks for the user on how the clip was read
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

    @property
    def hop_s(self) -> float:
        """Seconds from one frame to the next."""
        return hop_of(self.times_s)

    def top(self, k: int) -> list[int]:
        """Indices of the `k` classes with the highest scores, best first."""
        return np.argsort(-self.scores, kind="stable")[:k].tolist()


class Tagger:
    """One model behind one encoder.

    The encoder is loaded when a sound first needs it: features need none. Both run on `device`, as
    in `resolve_device`; results are on the CPU.
    """

    def __init__(
        self, model: TaggingModel, card: ModelCard, encoder: str = "auto", device: str = "auto"
    ):
        self.device = resolve_device(device)
        self.model = model.to(self.device)
        self.card = card
        self.labels = _labels_of(card)
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
    ) -> Embeddings:
        """Embeddings of a file, its bytes, an open sound or a waveform; of embeddings, themselves.

        A file is never held as a whole: memory grows with its frames alone.

        Parameters
        ----------
        hop_s, progress : as in `Encoder.encode`. Embeddings have their own hop and no progress.

        Raises
        ------
        AudioError, WeightsError
            If the sound cannot be read, or the encoder is not installed.
        AudioSetDemoError
            If the hop is not one.
        """
        if isinstance(source, Embeddings):
            return source
        if isinstance(source, Sound | Waveform):
            return self.encoder.encode(source, hop_s, progress)
        with open_sound(source) as sound:
            return self.encoder.encode(sound, hop_s, progress)

    def tag(
        self,
        source: str | Path | bytes | Sound | Waveform | Embeddings,
        hop_s: float = FRAME_S,
        progress: Progress | None = None,
    ) -> Tagging:
        """Tag a sound or its embeddings; parameters and errors are those of `encode`."""
        return self._tag_embeddings(self.encode(source, hop_s, progress))

    def tag_features(self, features: np.ndarray, name: str = "features") -> Tagging:
        """Tag features (T, 128): uint8 as released, or float after `(uint8 - 128) / 128`.

        Raises
        ------
        FeaturesError
            If the array has another form.
        """
        return self._tag_embeddings(embeddings_from_array(features, name))

    def occlude(self, embeddings: Embeddings, silence: np.ndarray | None = None) -> np.ndarray:
        """How far every score falls when one frame after the other is silenced: (T, K) float32.

        Parameters
        ----------
        silence : (128,) uint8, what the encoder makes of silence (`encoders.silent_frame`);
            None: frames are left out instead

        Raises
        ------
        FeaturesError
            If the only frame were left out.
        """
        quantised = embeddings.require_quantised()
        if silence is None and len(quantised) == 1:
            raise FeaturesError(
                f"{embeddings.name}: has one frame only; nothing would be left without it. Take a "
                "clip of 1.92 s or more"
            )
        frames = as_input(quantised).to(self.device)
        stand_in = None if silence is None else as_input(silence).to(self.device)
        hidden = self.model.occlude(frames, stand_in)
        return (self.model(frames[None])[0].detach() - hidden).cpu().numpy()

    def _tag_embeddings(self, embeddings: Embeddings) -> Tagging:
        frames = as_input(embeddings.require_quantised()).to(self.device)
        explanation = self.model.explain(frames)
        return Tagging(
            labels=self.labels,
            scores=explanation.scores.cpu().numpy(),
            times_s=embeddings.times_s,
            frame_scores=explanation.frame_scores.cpu().numpy(),
            attention=explanation.attention.cpu().numpy(),
            contributions=explanation.contributions.cpu().numpy(),
            constants=explanation.constants.cpu().numpy(),
            adds_up_to=explanation.adds_up_to,
            model=self.card,
            encoder=embeddings.encoder,
            name=embeddings.name,
            duration_s=embeddings.duration_s,
            notes=embeddings.notes,
        )


def load_tagger(
    model: str | Path = DEFAULT_MODEL,
    encoder: str = "auto",
    pooling: str | None = None,
    device: str = "auto",
) -> Tagger:
    """A tagger from a published model's name or a checkpoint's path, ours or the reference's.

    Parameters
    ----------
    encoder : "auto" takes VGGish where it is installed, else the compact encoder
    pooling : "average" or "max", for a checkpoint of the reference that does not say which it is
    device : "cpu", "cuda", "mps", or "auto" for an accelerator where torch finds one

    Raises
    ------
    CheckpointError
        If there is no such model, or it is damaged.
    AudioSetDemoError
        If this machine lacks the device.
    """
    resolve_device(device)  # refused before anything is read
    return Tagger(*load_checkpoint(find_checkpoint(model), pooling), encoder, device)


def _labels_of(card: ModelCard) -> tuple[Label, ...]:
    labels = own_labels(card.labels) if card.labels is not None else audioset_labels()
    if len(labels) != card.settings.n_classes:
        raise CheckpointError(
            f"The model '{card.name}' has {card.settings.n_classes} classes but {len(labels)} "
            "labels. Its card must name each class."
        )
    return labels
