"""What is in a sound, when, and why a model says so.

>>> from audioset_demo import load_tagger
>>> tagging = load_tagger().tag("street.wav")
>>> [(tagging.labels[k].name, round(float(tagging.scores[k]), 2)) for k in tagging.top(3)]
"""

__version__ = "0.1.0"
__all__ = ["load_tagger"]


def __getattr__(name: str):
    # torch is imported when the first tagger is asked for, not with the package.
    if name == "load_tagger":
        from audioset_demo.tagging import load_tagger

        return load_tagger
    raise AttributeError(f"module 'audioset_demo' has no attribute '{name}'")
