"""Settings: the environment, a TOML file, defaults, and what happens to nonsense."""

from pathlib import Path

import pytest

from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.settings import Settings, cache_folder, config_file, settings


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No settings but those of the test."""
    import os

    for name in [name for name in os.environ if name.startswith("CRYSTALSMITH_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("MP_API_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def file():
    path = config_file()
    path.parent.mkdir(parents=True)
    return path


def test_defaults(tmp_path):
    found = settings()
    assert found.store == tmp_path / "cache" / "crystalsmith" / "store"
    assert (found.device, found.threads) == ("auto", 0)
    assert found.constraint_weights is found.structure_weights is found.surrogate_weights is None
    assert found.mp_api_key is None
    assert found.llm_url is found.constraint_url is None


def test_folders_follow_xdg_and_home(monkeypatch, tmp_path):
    assert config_file() == tmp_path / "config" / "crystalsmith" / "config.toml"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_file() == tmp_path / ".config" / "crystalsmith" / "config.toml"
    assert cache_folder() == tmp_path / ".cache" / "crystalsmith"


def test_the_environment(monkeypatch):
    monkeypatch.setenv("CRYSTALSMITH_STORE", "/data/store")
    monkeypatch.setenv("CRYSTALSMITH_THREADS", "3")
    monkeypatch.setenv("CRYSTALSMITH_DEVICE", "cpu")
    monkeypatch.setenv("CRYSTALSMITH_LLM_URL", "http://localhost:8000/v1")
    found = settings()
    assert found.store == Path("/data/store")
    assert (found.threads, found.device) == (3, "cpu")
    assert found.llm_url == "http://localhost:8000/v1"


def test_the_file_and_who_wins(file, monkeypatch):
    file.write_text('threads = 2\ndevice = "cuda"\nstructure_weights = "/w"\n')
    assert (settings().threads, settings().device) == (2, "cuda")
    assert settings().structure_weights == Path("/w")
    settings.cache_clear()
    monkeypatch.setenv("CRYSTALSMITH_THREADS", "5")
    assert (settings().threads, settings().device) == (5, "cuda")
    assert Settings(threads=7).threads == 7


@pytest.mark.parametrize("variable", ["MP_API_KEY", "CRYSTALSMITH_MP_API_KEY"])
def test_the_key_is_secret(monkeypatch, variable):
    monkeypatch.setenv(variable, "abc123")
    key = settings().mp_api_key
    assert key is not None
    assert key.get_secret_value() == "abc123"
    assert "abc123" not in repr(settings())
    assert "abc123" not in str(settings())


def test_an_empty_key_is_no_key(monkeypatch):
    monkeypatch.setenv("MP_API_KEY", "")
    assert settings().mp_api_key is None


@pytest.mark.parametrize("value", ["many", "-1", "1.5", ""])
def test_a_bad_variable_is_named(monkeypatch, value):
    monkeypatch.setenv("CRYSTALSMITH_THREADS", value)
    with pytest.raises(CrystalsmithError, match="cannot be used: threads: ") as error:
        settings()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('threads = "many"', "threads: "),
        ("threads = -2", "threads: "),
        ("store = 3", "store: "),
        ('colour = "red"', "colour: "),
        ("threads = [1", "cannot be used: "),
    ],
)
def test_a_bad_file_is_named_with_its_setting(file, text, name):
    file.write_text(text)
    with pytest.raises(CrystalsmithError, match=name) as error:
        settings()
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_text_is_named(file):
    file.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(CrystalsmithError, match="cannot be used"):
        settings()


def test_settings_are_read_once(monkeypatch):
    first = settings()
    monkeypatch.setenv("CRYSTALSMITH_THREADS", "9")
    assert settings() is first
