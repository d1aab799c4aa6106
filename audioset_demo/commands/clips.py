"""What the commands that read sounds share: their arguments, reading a clip, and failures."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from audioset_demo.arguments import hop
from audioset_demo.audio.resampling import RESAMPLERS
from audioset_demo.device import DEVICES
from audioset_demo.embeddings.frames import FRAME_S, Embeddings
from audioset_demo.encoders import ENCODER_CHOICES, TAILS
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.names import one_line
from audioset_demo.storage import json_text
from audioset_demo.terminal import progress_bar

if TYPE_CHECKING:  # imports torch
    from audioset_demo.encoders.encoder import Encoder


def add_clips(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "clips",
        nargs="+",
        metavar="CLIP",
        help="sound file; with a folder as --output, also a folder, or a pattern such as '*/*.wav'",
    )
    parser.add_argument(
        "--encoder",
        choices=ENCODER_CHOICES,
        default="auto",
        help="auto: VGGish if it is installed, else the compact encoder (default: %(default)s)",
    )
    parser.add_argument(
        "--fast",
        action="store_true",
        help="run VGGish in bfloat16, about twice as fast where the processor multiplies it; moves "
        "scores by up to 0.011, and every result says so",
    )
    parser.add_argument(
        "--hop",
        type=hop,
        default=FRAME_S,
        metavar="SECONDS",
        help="seconds from one frame to the next, a multiple of 0.01; each frame covers 0.96 s of "
        "sound (default: %(default)s)",
    )
    parser.add_argument(
        "--tail",
        choices=TAILS,
        default="drop",
        help="what to do with sound at the end that does not fill a frame: drop leaves it out, as "
        "VGGish does; pad pads it with silence to a frame; auto pads clips shorter than ten "
        "seconds (default: %(default)s)",
    )
    parser.add_argument(
        "--resampler",
        choices=RESAMPLERS,
        default="soxr",
        help="resampler to 16 kHz; resampy is the one that Google's own front end uses "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default="auto",
        help="what the networks run on; auto: a GPU if torch finds one, else the CPU "
        "(default: %(default)s)",
    )


def chosen_encoder(arguments: argparse.Namespace) -> str:
    """The encoder's name, as `load_encoder` takes it."""
    from audioset_demo.encoders import fast_encoder

    if arguments.fast:
        return fast_encoder(arguments.encoder, arguments.device)
    return arguments.encoder


def encode(encoder: Encoder, clip: str, arguments: argparse.Namespace) -> Embeddings:
    from audioset_demo.audio.decoding import open_sound

    with open_sound(clip) as sound, progress_bar(clip) as progress:
        return encoder.encode(
            sound, arguments.hop, progress, tail=arguments.tail, resampler=arguments.resampler
        )


def report_failure(clip: str, error: AudioSetDemoError, as_json: bool) -> None:
    if as_json:
        failure = {"type": type(error).__name__, "message": str(error)}
        print(json_text({"file": clip, "error": failure}), flush=True)
    else:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
