"""Memory and time of explaining a long clip, and of writing its tags as JSON.

    python benchmarks/explaining.py [--model NAME] [--frames T...]

Tags random embeddings of T frames, each in a process of its own: with the frames of all classes
kept and of the ten best alone, as `audioset-demo tag` keeps them. Prints the peak resident memory
beyond that of the loaded model and embeddings, what of it the result takes, and the time. 360,000
frames are an hour with a frame every 0.01 s.
"""

import argparse
import json
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

TOP = 10


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def explain(model: str, n_frames: int, top: int | None) -> dict[str, float]:
    """Megabytes and seconds, in this process."""
    from audioset_demo.embeddings.clip_arrays import embeddings_from_array
    from audioset_demo.export import tagging_record
    from audioset_demo.tagging import load_tagger

    rng = np.random.default_rng(0)
    embeddings = embeddings_from_array(rng.integers(0, 256, (n_frames, 128), np.uint8))
    tagger = load_tagger(model)
    tagger.tag_features(embeddings.quantised[:10])
    before, started = peak_bytes(), time.perf_counter()
    tagging = tagger.tag(embeddings, top=top)
    seconds, explained = time.perf_counter() - started, peak_bytes()
    arrays = (tagging.frame_scores, tagging.attention, tagging.contributions)
    found = {
        "explained": (explained - before) / 1e6,
        "result": sum(array.nbytes for array in arrays) / 1e6,
        "seconds": seconds,
    }
    if top is not None:
        json.dumps(tagging_record(tagging, top))
        found["and as JSON"] = (peak_bytes() - before) / 1e6
    return found | {"process": peak_bytes() / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="feature_attention")
    parser.add_argument("--frames", type=int, nargs="+", default=[7_500, 60_000, 360_000])
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for n_frames in arguments.frames:
        for top in (TOP, None) if n_frames <= 100_000 else (TOP,):
            with ProcessPoolExecutor(1, context) as pool:
                found = pool.submit(explain, arguments.model, n_frames, top).result()
            print(
                f"{n_frames:>8,} frames, {top or 'all'} classes: "
                + ", ".join(
                    f"{name} {value:,.1f}{'' if name == 'seconds' else ' MB'}"
                    for name, value in found.items()
                )
            )


if __name__ == "__main__":
    main()
