"""What is the same for every visitor is drawn once, and every visitor gets all of it."""

import pytest

from audioset_demo.charts import results
from audioset_demo.models import published
from tests.views.apptest import go, new_app, unfold


def sent(app) -> list[tuple[str, bytes]]:
    """The elements and containers of a page's main part, in order, as the browser gets them."""
    parts = [part for part in app.main if part.proto and part.type != "download_button"]
    return [(part.type, part.proto.SerializeToString()) for part in parts]


@pytest.mark.parametrize("page", ["models", "encoder"])
def test_the_next_visitor_gets_what_was_drawn_for_the_first(app, page, monkeypatch):
    first = sent(unfold(go(app, page)))
    assert {"plotly_chart", "table", "expander", "code", "json"} <= {kind for kind, _ in first}

    def drawn_again(*figure):
        raise AssertionError("A figure was drawn again.")

    monkeypatch.setattr(results, "finish", drawn_again)
    second = unfold(go(new_app(), page))
    assert not second.exception and sent(second) == first


def test_what_is_folded_is_not_sent_until_it_is_opened(app):
    folded = go(app, "encoder")
    assert len(folded.table) == 1 and not folded.json
    app.session_state["Category by category"] = True
    opened = app.run()
    assert len(opened.table) == 2 and not opened.json and not opened.exception


def test_other_models_are_drawn_anew(app, monkeypatch):
    first = go(app, "models").table[0].value
    fewer = published.published_models()[:2]
    monkeypatch.setattr("audioset_demo.views.session.published_models", lambda: fewer)
    second = go(new_app(), "models").table[0].value
    assert len(second) == 2 < len(first)
