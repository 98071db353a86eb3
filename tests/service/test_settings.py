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
        ({"public_url": "http://"}, "NINEFOLD_PUBLIC_URL is no address"),
        ({"public_url": "https://:443"}, "NINEFOLD_PUBLIC_URL is no address"),
        ({"public_url": "https://["}, "NINEFOLD_PUBLIC_URL is no address"),
        ({"public_url": "https://a b.org"}, "NINEFOLD_PUBLIC_URL is no address"),
        ({"public_url": "https://a.org:99999"}, "NINEFOLD_PUBLIC_URL is no address"),
        ({"public_url": "https://a.org\\x"}, "NINEFOLD_PUBLIC_URL is no address"),
        ({"public_url": "https://bücher.example"}, "NINEFOLD_PUBLIC_URL is no address"),
        ({"public_url": "https://a.org?q=1#f"}, "must end before any"),
        ({"public_url": "https://a.org/#"}, "must end before any"),
        ({"public_url": "https://me:pw@a.org"}, "must not hold a user"),
        ({"public_url": "https://example.org/ninefold"}, "without the path '/ninefold'"),
        ({"trusted_proxies": "nonsense"}, "names 'nonsense', which is no address"),
        ({"trusted_proxies": "10.0.0.1,10.0.0.0/99"}, "names '10.0.0.0/99'"),
        ({"trusted_proxies": "proxy.example"}, "which is no address or network"),
        ({"cors_origins": "https://x.org/"}, "no browser sends; write https://x.org"),
        ({"cors_origins": "https://x.org/a?b"}, "no browser sends; write https://x.org"),
        ({"cors_origins": "https://X.org"}, "no browser sends; write https://x.org"),
        ({"cors_origins": "https://x.org:443"}, "no browser sends; write https://x.org"),
        ({"cors_origins": "x.org"}, "NINEFOLD_CORS_ORIGINS must begin with http"),
        ({"cors_origins": "https://*.x.org"}, "NINEFOLD_CORS_ORIGINS is no address"),
        ({"otlp_endpoint": "nonsense"}, "NINEFOLD_OTLP_ENDPOINT must begin with http"),
        ({"otlp_endpoint": "http://"}, "NINEFOLD_OTLP_ENDPOINT is no address"),
        ({"surfaces": ""}, "NINEFOLD_SURFACES names no API"),
        ({"surfaces": " , "}, "NINEFOLD_SURFACES names no API"),
        ({"device": "gpu"}, "NINEFOLD_DEVICE cannot be used"),
        ({"keep_jobs_days": float("inf")}, "NINEFOLD_KEEP_JOBS_DAYS cannot be used"),
        ({"keep_reports_days": float("nan")}, "NINEFOLD_KEEP_REPORTS_DAYS cannot be used"),
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


def test_a_file_without_a_secret_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"\n"):
        (tmp_path / "secret").write_bytes(content)
        with pytest.raises(UserError, match="is empty; write the secret into it"):
            read_settings(secret_file=tmp_path / "secret")
    (tmp_path / "secret").write_bytes(b"\xff" * 40)
    with pytest.raises(UserError, match="cannot be read"):
        read_settings(secret_file=tmp_path / "secret")


def test_addresses_that_work_are_taken() -> None:
    for url in (
        "https://example.org",
        "http://example.org:8080/",
        "http://[::1]:80",
        "http://10.0.0.1",
    ):
        assert read_settings(public_url=url).public_url == url
    origins = ("https://x.org", "http://localhost:3000", "http://[::1]:3000", "*")
    assert read_settings(cors_origins=",".join(origins)).cors_origins == origins
    assert read_settings(otlp_endpoint="http://collector:4318/a/b").otlp_endpoint


def test_networks_of_one_operator_may_be_trusted() -> None:
    given = "10.0.0.0/8,192.168.1.7,172.16.0.0/12,fc00::/7,::1,103.21.244.0/22,2400:cb00::/32"
    assert len(read_settings(trusted_proxies=given).trusted_proxies) == 7


def test_every_setting_is_documented_and_no_other() -> None:
    names = {f"NINEFOLD_{name.upper()}" for name in Settings.model_fields}
    rows = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `NINEFOLD_")]
    assert set(rows) == names
    for name, field in Settings.model_fields.items():
        assert f"| {field.description} |" in PAGE, name


@pytest.mark.parametrize("name", ["api_v1", "native"])
def test_the_api_is_also_known_by_its_old_name(name: str) -> None:
    assert read_settings(surfaces=f"{name},openai").surfaces == ("api_v1", "openai")
