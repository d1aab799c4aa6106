"""`audioset-demo export`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audioset_demo.encoders import ENCODER_CHOICES
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.storage import check_output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a published model, or the path of a checkpoint or of its folder, of this project or "
        "of the reference (md_*_iters.tar)",
    )
    parser.add_argument(
        "--onnx",
        type=Path,
        metavar="OUT.onnx",
        help="write one graph for ONNX runtimes, the encoder in it: sound at 16 kHz in, scores, "
        "frame scores and embeddings out",
    )
    parser.add_argument(
        "--encoder",
        choices=ENCODER_CHOICES,
        help="of the graph; auto: VGGish if it is installed, else the compact encoder "
        "(default: auto)",
    )
    parser.add_argument(
        "--hf",
        type=Path,
        metavar="FOLDER",
        help="write a new folder for the Hugging Face Hub, the encoder not in it: weights, labels "
        "and a README with the figures; uploads nothing",
    )
    parser.add_argument(
        "--pooling",
        choices=("average", "max"),
        help="the kind of a reference checkpoint whose tensors do not show it",
    )


def run(arguments: argparse.Namespace) -> int:
    onnx, folder = arguments.onnx, arguments.hf
    if onnx is None and folder is None:
        raise AudioSetDemoError(
            "Nothing would be written. Give --onnx OUT.onnx, --hf FOLDER or both."
        )
    if onnx is None and arguments.encoder is not None:
        raise AudioSetDemoError("--encoder is of use with --onnx only. Add --onnx OUT.onnx.")
    if folder is not None:
        _write_hub_folder(arguments)
    if onnx is not None:
        _write_onnx(arguments)
    return 0


def _write_onnx(arguments: argparse.Namespace) -> None:
    from audioset_demo.models.published import find_checkpoint

    path, checkpoint = arguments.onnx, find_checkpoint(arguments.model)
    check_output(path, [checkpoint])
    from audioset_demo.encoders import require_quantising
    from audioset_demo.onnx_graph import require_onnx, write_onnx
    from audioset_demo.tagging import load_tagger

    require_onnx()
    encoder = require_quantising(arguments.encoder or "auto")
    tagger = load_tagger(checkpoint, encoder, arguments.pooling, device="cpu")
    difference = write_onnx(path, tagger)
    print(
        f"{path}: {tagger.card.title}, {len(tagger.labels)} classes, by {tagger.encoder.title}; "
        f"{path.stat().st_size / 1e6:,.1f} MB. Run by onnxruntime, its scores of ten seconds of "
        f"sound are within {difference:.1g} of PyTorch's."
    )


def _write_hub_folder(arguments: argparse.Namespace) -> None:
    from audioset_demo.hub_folder import README, is_of_package, write_hub_folder
    from audioset_demo.models.published import find_checkpoint

    folder, checkpoint = arguments.hf, find_checkpoint(arguments.model)
    card = write_hub_folder(folder, checkpoint, arguments.pooling)
    print(f"{folder}: {card.title}. Nothing was uploaded.")
    if not is_of_package(checkpoint):
        print(f"note: {folder / README} states no licence. Add yours before you upload it.")
