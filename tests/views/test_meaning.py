"""Scores and probabilities, priors and thresholds of each class, as a visitor chooses them."""

from tests.views.apptest import go, labelled, shown_tags, text


def test_probabilities_take_the_place_of_scores_and_move_with_the_prior(app):
    assert "It is not a probability" in text(app)
    labelled(app.selectbox, "Numbers").set_value("probabilities").run()
    assert not app.exception
    assert "as frequent as in bal_train" in text(app) and "it is a guess" in text(app)
    fitted = [value for _, value in shown_tags(app)]
    assert fitted == sorted(fitted, reverse=True)
    prior = labelled(app.selectbox, "Where classes are as frequent")
    prior.set_value(prior.options[2]).run()
    assert "in 0.5 of its clips" in text(app) and not app.exception
    assert max(value for _, value in shown_tags(app)) > max(fitted)


def test_events_begin_at_the_threshold_of_each_class_on_both_pages(app):
    for page in ("tag", "visit"):
        go(app, page)
        labelled(app.selectbox, "Threshold").set_value("best F1 of each class").run()
        assert not app.exception and not [s for s in app.slider if "Events begin" in s.label]
    go(app, "tag")
    labelled(app.selectbox, "Threshold").set_value("a precision").run()
    assert not app.exception and app.select_slider[0].value == 0.5
