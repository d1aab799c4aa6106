"""Published models: of the package and of the user; a damaged one does not stop the others."""

import json
import shutil

import pytest

from audioset_demo.cli import main
from audioset_demo.errors import CheckpointError
from audioset_demo.models import published
from audioset_demo.models.card import ModelCard
from audioset_demo.models.checkpoint import save_checkpoint
from audioset_demo.models.settings import ModelSettings
from tests.models.toy_models import model_that_has_seen_data


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Publish a tiny model under a name, in the package or for the user; both begin empty."""
    folders = {"package": tmp_path / "package", "user": tmp_path / "user"}
    monkeypatch.setattr(published, "MODELS_DIR", folders["package"])
    monkeypatch.setenv("AUDIOSET_DEMO_MODELS", str(folders["user"]))
    published.published_models.cache_clear()

    def publish(name, where="user", pooling="average", **fields):
        settings = ModelSettings(pooling, n_classes=2, hidden_units=4)
        path = folders[where] / name / "checkpoint.safetensors"
        card = ModelCard(name, settings, 1, labels=("cat", "door"), **fields)
        save_checkpoint(path, model_that_has_seen_data(settings), card)
        (path.parent / "per_class.csv").write_text("index,ap\n0,0.25\n1,nan\n")
        (path.parent / "learning_curve.csv").write_text("iteration,loss,other\n50,0.1,\n99,,5\n")
        published.published_models.cache_clear()
        return path

    yield publish
    published.published_models.cache_clear()


def listed(capsys, form="json"):
    assert main(["models", "--format", form]) == 0
    out, err = capsys.readouterr()
    return json.loads(out) if form == "json" else out, err


def test_models_of_the_package_and_of_the_user_each_have_a_name_and_a_title(publish, capsys):
    publish("average", "package", training={"backend": "torch"})
    publish("two"), publish("three")
    rows, _ = listed(capsys)
    assert {row["name"]: row["title"] for row in rows} == {
        "average": "Average pooling",
        "two": "Average pooling: two",
        "three": "Average pooling: three",
    }
    assert published.find_checkpoint("two").parent.name == "two"
    table, _ = listed(capsys, "table")
    assert all(row["name"] in table and row["title"] in table for row in rows)


def test_a_copied_folder_is_a_model_of_its_own(publish, capsys):
    path = publish("two")
    shutil.copytree(path.parent, path.parents[1] / "copy")
    assert {row["title"] for row in listed(capsys)[0]} == {
        "Average pooling: two",
        "Average pooling: copy",
    }


def test_a_model_of_the_package_takes_precedence_over_a_namesake(publish):
    expected = publish("average", "package")
    publish("average", "user")
    assert published.find_checkpoint("average") == expected


def no_card(path):
    path.with_suffix(".json").unlink()


def no_checkpoint(path):
    path.unlink()


def checkpoint_is_a_folder(path):
    path.unlink()
    path.mkdir()


def dangling_link(path):
    path.unlink()
    path.symlink_to("nowhere")


def nothing_at_all(path):
    shutil.rmtree(path.parent)
    path.parent.mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        *("[]", "{", '{"format": 2}', "[" * 100_000),
        *(no_card, no_checkpoint, checkpoint_is_a_folder, dangling_link, nothing_at_all),
    ],
    ids=lambda damage: damage[:9] if isinstance(damage, str) else damage.__name__,
)
def test_a_damaged_model_is_left_out_with_the_reason_and_the_others_work(publish, capsys, damage):
    publish("average", "package"), publish("good")
    path = publish("bad")
    published.published_models.cache_clear()
    path.with_suffix(".json").write_text(damage) if isinstance(damage, str) else damage(path)
    rows, warnings = listed(capsys)
    assert [row["name"] for row in rows] == ["average", "good"]
    assert "warning: The published model 'bad' is damaged" in warnings and "checkpoint" in warnings
    assert published.find_checkpoint("good").is_file()
    with pytest.raises(CheckpointError, match="checkpoint.(json|safetensors)"):
        published.find_checkpoint("bad")


def test_a_damaged_default_model_says_what_is_wrong_with_it(publish):
    publish("feature_attention", "package").with_suffix(".json").write_text("[]")
    with pytest.raises(CheckpointError, match=r"It is \[\]"):
        published.default_model()


def test_a_model_without_figures_is_listed_without_them(publish, capsys):
    publish("two", metrics={"eval": {"mAP": 1.0, "AUC": 1.0, "d_prime": float("inf")}})
    publish("bare")
    rows = {row["name"]: row for row in listed(capsys)[0]}
    assert (rows["two"]["mAP"], rows["two"]["d_prime"]) == (1.0, None)
    assert (rows["bare"]["mAP"], rows["bare"]["training_set"]) == (None, None)
    assert "–" in listed(capsys, "table")[0]


def test_tables_are_read_and_missing_values_left_out(publish):
    publish("two")
    (model,) = published.published_models()
    assert model.average_precision() == {0: 0.25, 1: pytest.approx(float("nan"), nan_ok=True)}
    assert model.learning_curve() == [{"iteration": 50.0, "loss": 0.1}, {"iteration": 99.0}]


@pytest.mark.parametrize(
    "content", [None, b"index,ap\n0,much\n", b"a,b\n1,2\n", b"\xff\xfe,\n1,1\n"]
)
@pytest.mark.parametrize("table", ["per_class.csv", "learning_curve.csv"])
def test_a_damaged_table_is_refused_by_name(publish, table, content):
    path = publish("two").with_name(table)
    path.unlink() if content is None else path.write_bytes(content)
    (model,) = published.published_models()
    read = model.average_precision if table == "per_class.csv" else model.learning_curve
    with pytest.raises(CheckpointError, match=f"{table} is not the table .*'two'"):
        read()


@pytest.mark.parametrize("name", ["", "x" * 5000, "..", "no/such.tar", "two "])
def test_an_unknown_name_is_refused_with_the_known_ones(publish, name):
    publish("two")
    with pytest.raises(CheckpointError, match="There is no model .*one of: two") as error:
        published.find_checkpoint(name)
    assert len(str(error.value)) <= 300
