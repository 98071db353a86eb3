"""What clients would ask their makers for is given to them here: no test leaves the machine."""

import json
from pathlib import Path

import pytest
from huggingface_hub import constants


@pytest.fixture(autouse=True)
def known_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let huggingface_hub find what it would otherwise fetch for its User-Agent."""
    path = tmp_path / "agent-harnesses.json"
    path.write_text(json.dumps({"standardEnvVars": [], "harnesses": {}}))
    monkeypatch.setattr(constants, "AGENT_HARNESSES_PATH", str(path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
