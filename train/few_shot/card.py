"""The card of a head that was fitted to a few clips."""

import numpy as np

from audioset_demo.embeddings.frames import ENCODER_TITLES
from audioset_demo.errors import DataError
from audioset_demo.evaluation import evaluate_scores
from audioset_demo.models.card import ModelCard
from train.few_shot.examples import Examples
from train.few_shot.head import LEARNING_RATE, STEPS, WEIGHT_DECAY, FittedHead


def card_of(
    fitted: FittedHead, examples: Examples, name: str, encoder: str, training: dict
) -> ModelCard:
    """What was fitted, to what, and what to expect of it.

    Parameters
    ----------
    encoder : of the embeddings, a key of `ENCODER_TITLES`
    training : of the card: the set, and where there is one the command
    """
    model = fitted.model
    return ModelCard(
        name=name,
        settings=model.settings,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        labels=examples.names,
        encoder=ENCODER_TITLES.get(encoder, encoder),
        training={
            "backend": "torch",
            "config": {
                "learning_rate": LEARNING_RATE,
                "weight_decay": WEIGHT_DECAY,
                "steps": STEPS,
            },
            **training,
        },
        metrics={"validation": figures} if (figures := figures_of(fitted, examples)) else {},
    )


def figures_of(fitted: FittedHead, examples: Examples) -> dict:
    """mAP, AUC and each class's AP over clips held out; empty if no class could be tried so."""
    judged = np.isfinite(fitted.scores).all(axis=1)
    try:
        evaluation = evaluate_scores(examples.labels[judged], fitted.scores[judged])
    except DataError:
        return {}
    return {
        **evaluation.to_json(),
        "average_precision": evaluation.average_precision.tolist(),
        "set": f"cross-validation over the recordings in {fitted.n_folds} parts",
    }
