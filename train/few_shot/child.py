"""The process in which the app has classes learned: `python -m train.few_shot.child`.

Through standard input come the examples as NPZ, and through standard output goes what was learned,
as NPZ. On standard error stands the share that is done, a line each time. To stop it, kill it.
"""

import io
import sys
from contextlib import suppress
from typing import Any

import numpy as np

from audioset_demo.errors import AudioSetDemoError

CPU_S = 300  # more than anything within the app's limits takes


def main() -> None:
    _limit_time()
    learned: dict[str, Any]
    try:
        learned = _learned(sys.stdin.buffer.read())
    except AudioSetDemoError as error:
        learned = {"error": np.array(str(error))}
    buffer = io.BytesIO()
    np.savez(buffer, **learned)
    sys.stdout.buffer.write(buffer.getvalue())


def _limit_time() -> None:
    with suppress(ImportError, ValueError, OSError):  # Windows has none
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))


def _learned(data: bytes) -> dict[str, np.ndarray]:
    """The `checkpoint` as uint8 (n,), and the `scores` (N, K) of clips that were held out.

    `data` holds the `frames` (M, 128) of all clips, one after another, and how many each has:
    `lengths` (N,); `labels` (N, K) bool and `groups` (N,); the `names` (K,) of the classes; and
    as texts the `name` of the model, its `encoder` and its training `set`.
    """
    from train.few_shot.examples import Examples

    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        given = dict(file)
    examples = Examples(
        np.split(given["frames"], np.cumsum(given["lengths"])[:-1]),
        given["labels"],
        tuple(given["names"].tolist()),
        tuple(given["groups"].tolist()),
    )  # refused before anything slow is imported

    from audioset_demo.models.checkpoint import checkpoint_bytes
    from train.few_shot.card import card_of
    from train.few_shot.head import fit_head

    fitted = fit_head(examples, progress=_report)
    name, encoder, of = (str(given[key]) for key in ("name", "encoder", "set"))
    card = card_of(fitted, examples, name, encoder, {"set": of})
    data = checkpoint_bytes(fitted.model, card)
    return {"checkpoint": np.frombuffer(data, np.uint8), "scores": fitted.scores}


def _report(share: float) -> None:
    print(f"{share:.4f}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
