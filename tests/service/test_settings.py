"""Laws of the settings: read from the environment, refused where unsafe, and all documented."""

from pathlib import Path

import pytest

from ninefold.errors import UserError
from ninefold.service.settings import Settings, read_settings

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NINEFOLD_PORT", "8123")
    monkeypatch.setenv("NINEFOLD_CORS_ORIGINS", "https://a.example, https://b.example")
    settings = read_settings()
    assert settings.port == 8123
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert read_settings(port=1).port == 1


def test_a_secret_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("x" * 40 + "\n")
    monkeypatch.setenv("NINEFOLD_SECRET_FILE", str(file))
    secret = read_settings().secret
    assert secret is not None
    assert secret.get_secret_value() == "x" * 40
    assert "xxx" not in repr(read_settings())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"secret": "short"}, "NINEFOLD_SECRET is shorter than 32"),
        ({"host": "0.0.0.0", "database_url": "postgresql://a/b"}, "set NINEFOLD_SECRET"),
        ({"trusted_proxies": ("*",)}, "name the proxies' addresses"),
        ({"trusted_proxies": "0.0.0.0/0"}, "name the proxies' addresses"),
        ({"trusted_proxies": "10.0.0.1, ::/0"}, "name the proxies' addresses"),
        ({"trusted_proxies": "0.0.0.0/1,128.0.0.0/1"}, "name the proxies' addresses"),
        ({"trusted_proxies": "172.16.0.0/4"}, "name the proxies' addresses"),
        ({"trusted_proxies": "::ffff:0:0/96"}, "name the proxies' addresses"),
        ({"trusted_proxies": "2000::/3"}, "name the proxies' addresses"),
        ({"public_url": "example.org"}, "must begin with http"),
        ({"heartbeat_s": 5, "stalled_s": 6}, "at least twice"),
        ({"port": 70000}, "NINEFOLD_PORT cannot be used"),
        ({"surfaces": ("telnet",)}, "NINEFOLD_SURFACES"),
        ({"secret_file": "/nowhere/at/all"}, "cannot be read"),
    ],
)
def test_what_is_unsafe_or_wrong_is_refused_in_a_sentence(
    values: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        read_settings(**values)


def test_networks_of_one_operator_may_be_trusted() -> None:
    given = "10.0.0.0/8,192.168.1.7,172.16.0.0/12,fc00::/7,::1,103.21.244.0/22,2400:cb00::/32"
    assert len(read_settings(trusted_proxies=given).trusted_proxies) == 7


def test_every_setting_is_documented_and_no_other() -> None:
    names = {f"NINEFOLD_{name.upper()}" for name in Settings.model_fields}
    rows = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `NINEFOLD_")]
    assert set(rows) == names
    for name, field in Settings.model_fields.items():
        assert f"| {field.description} |" in PAGE, name
