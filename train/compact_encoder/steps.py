"""The steps of a training of the compact encoder, from its setup to its card."""

from __future__ import annotations

from functools import partial

import torch

from audioset_demo.encoders.compact import CompactNet, CompactSettings, load_compact
from train.compact_encoder import evaluate, fit, publish
from train.compact_encoder.evaluate import EncoderScorer, Scorer, teacher_scorer
from train.compact_encoder.fit import trained_through
from train.compact_encoder.material import Material
from train.compact_encoder.objective import Goals, Objective, Weights, as_models_read
from train.compact_encoder.real_frames import Neighbours, RealFrames, find_neighbours
from train.compact_encoder.setup import Setup
from train.compact_encoder.sounds import scenes
from train.compact_encoder.sounds.certainty import without_denied
from train.compact_encoder.teacher import nearest_known
from train.runs import changed_flags


def train(setup: Setup) -> CompactNet:
    """The trained encoder, in evaluation mode."""
    config = setup.config
    trained_on = without_denied(
        [item for item in setup.recordings if not item.held_out],
        setup.teacher, setup.columns, setup.table.labels,
    )  # fmt: skip
    kinds = scenes.kinds_of(trained_on, setup.table)
    make = partial(scenes.scene_maker, trained_on, kinds, setup.open_teacher)
    shards = scenes.make_shards(
        make, kinds, setup.run / "scenes", config.scenes, config.seed, setup.jobs
    )
    material = Material(shards, kinds.targets, setup.columns, kinds.silence)
    networks = [model for model, _ in setup.models.values()]
    goals = _goals(setup, material) if config.alignment > 0 else None
    weights = Weights(config.ranking, config.teacher_scores, config.alignment)
    parents = torch.from_numpy(nearest_known(setup.columns, setup.table.labels))
    objective = Objective(networks, parents, weights, goals)

    def figures(network: CompactNet) -> dict:
        scorer = evaluate.EncoderScorer(network, networks[0])
        return {
            name: {key: value for key, value in rates.items() if key.startswith("top")}
            for name, clips in setup.held_out.sets.items()
            for rates in [evaluate.hit_rates(scorer, clips)]
        }

    training = fit.Run(config, material, CompactSettings(), setup.teacher.start)
    through = [card.in_short for _, card in setup.models.values()]
    fit.fit(training, material, objective, setup.run, figures, through)
    return training.averaged()


def _goals(setup: Setup, material: Material) -> Goals:
    """The frames that the encoder is aligned with: the teacher's, or similar real ones."""
    if setup.teacher.gives_frames:
        return lambda scenes: as_models_read(torch.from_numpy(material.frames(scenes)))[:, None]
    assert setup.features is not None  # else `_features` refused the run
    model, _ = next(iter(setup.models.values()))
    real = RealFrames(setup.features, model, setup.config.seed)
    return Neighbours(real, find_neighbours(material, real, setup.run / "neighbours.npy"))


def scorers(setup: Setup) -> dict[str, Scorer]:
    """The encoder through all models; those of the runs `beside` through the first and through
    `more_models`, which this run did not train through; the teacher.
    """
    network, _ = load_compact(setup.run)  # as stored, in half precision
    models = setup.models | setup.more_models
    scorers = {title: EncoderScorer(network, model) for title, (model, _) in models.items()}
    first = dict([next(iter(models.items()))])
    for other, (encoder, config) in setup.beside.items():
        changes = " ".join(changed_flags(config, setup.config)) or other.name
        for title, (model, _) in (first | setup.more_models).items():
            scorers[f"{title}; {changes}"] = EncoderScorer(encoder, model)
    return scorers | {
        f"teacher: {setup.teacher.title}": teacher_scorer(setup.teacher, setup.columns)
    }


def describe(setup: Setup, figures: dict[str, dict]) -> None:
    """Write the card with the figures, and the list of sounds."""
    network, _ = load_compact(setup.run)
    through = trained_through(setup.run)
    models = {title: card for title, (_, card) in (setup.models | setup.more_models).items()}
    card = publish.card(
        setup.config, network, setup.recordings, setup.teacher, through, figures, models,
        setup.guessed,
    )  # fmt: skip
    publish.save_encoder(setup.run, network, card)
    publish.save_sounds(setup.run, setup.recordings)
