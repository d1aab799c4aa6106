"""The card of a head that was fitted to a few clips."""

from audioset_demo.embeddings.frames import ENCODER_TITLES
from audioset_demo.errors import DataError
from audioset_demo.evaluation import Evaluation, evaluate_scores
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
    evaluation = evaluation_of(fitted, examples)
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
            "clips_of_class": examples.labels.sum(axis=0).tolist(),
            **training,
        },
        metrics={"eval": _figures(fitted, examples, evaluation)} if evaluation else {},
    )


def evaluation_of(fitted: FittedHead, examples: Examples) -> Evaluation | None:
    """The figures of the clips held out; None if no class could be tried so."""
    try:
        return evaluate_scores(examples.labels[fitted.judged], fitted.scores[fitted.judged])
    except DataError:
        return None


def scored_on(fitted: FittedHead) -> str:
    """What the figures are of, in words."""
    return f"cross-validation over the recordings in {fitted.n_folds} parts"


def _figures(fitted: FittedHead, examples: Examples, evaluation: Evaluation) -> dict:
    """What a card says of them; the figures of each class too, for a model that is one file."""
    return {
        **evaluation.to_json(),
        "average_precision": evaluation.average_precision.tolist(),
        "auc": evaluation.auc.tolist(),
        "set": scored_on(fitted),
        "clips_of_class": examples.labels[fitted.judged].sum(axis=0).tolist(),
    }
