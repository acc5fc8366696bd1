"""The container files say what the supervisor does: one table of roles, held against docker-compose.yml."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.roles import ROLES, SETTINGS_USED, Role

ROOT = Path(__file__).resolve().parent.parent
IN_A_CONTAINER = {
    "HOST": "0.0.0.0",
    "PORT": "8000",
    "UPLOADS_SOCKET": "/data/uploads.sock",
    "SEARCH_THREADS": "8",
    "ANSWER_THREADS": "200",
    "INGEST_THREADS": "2",
}


def interpolated(text: str) -> str:
    """`${NAME:-default}` as compose reads it where the environment has none of them."""
    return re.sub(r"\$\{\w+(?::-([^}]*)|:\?[^}]*)?\}", lambda match: match[1] or "", text)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_container_runs_the_command_of_its_role(compose: dict[str, Any], role: Role) -> None:
    assert set(IN_A_CONTAINER) == set(SETTINGS_USED)
    command = compose["services"][role.name]["command"]
    assert shlex.split(interpolated(command)) == role.words(IN_A_CONTAINER)


def test_every_worker_consumes_a_queue_that_tasks_are_routed_to(settings: Any) -> None:
    consumed = [words[words.index("-Q") + 1] for role in ROLES if "-Q" in (words := role.words(IN_A_CONTAINER))]
    queues = {queue for each in consumed for queue in each.split(",")}
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    assert routed | {settings.CELERY_TASK_DEFAULT_QUEUE} == queues


def test_roles_wait_for_the_migration_and_are_watched(compose: dict[str, Any]) -> None:
    for role in ROLES:
        service = compose["services"][role.name]
        assert service["depends_on"] == {"prepare": {"condition": "service_completed_successfully"}}
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


def test_they_share_the_files_and_what_is_kept_is_a_named_volume(compose: dict[str, Any]) -> None:
    for role in ROLES:
        assert "data:/data" in compose["services"][role.name]["volumes"]
    named = {
        volume.partition(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])
    }
    assert named == set(compose["volumes"])


def test_only_the_gpu_profile_asks_for_a_gpu(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert ("deploy" in service) == (name == "vllm")
    assert compose["services"]["vllm"]["profiles"] == ["gpu"]


def test_secrets_are_asked_for_and_never_written_down(compose: dict[str, Any]) -> None:
    environment = compose["services"]["web"]["environment"]
    assert environment["SECRET_KEY"].startswith("${SECRET_KEY:?")
    assert ":?" in environment["DATABASE_URL"]
    example = (ROOT / ".env.example").read_text()
    assert re.search(r"^SECRET_KEY=$", example, re.MULTILINE)
    assert re.search(r"^POSTGRES_PASSWORD=$", example, re.MULTILINE)


def test_the_image_runs_as_nobody_special_and_has_the_sample() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    last_stage = dockerfile[dockerfile.rindex("\nFROM ") :]
    assert re.findall(r"^USER (\S+)$", last_stage, re.MULTILINE) == ["footnote"]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not {"docs", "README.md", "*.md", "requirements", "scripts"} & set(ignored)
    assert {".env", "var", ".git"} <= set(ignored)


def test_every_documented_setting_reaches_the_containers(compose: dict[str, Any]) -> None:
    for role in ROLES:
        service = compose["services"][role.name]
        assert service["env_file"] == ".env"
        # What is set here wins over .env, so it is only what a container cannot have otherwise.
        fixed = {"DATA_DIR", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "HOST", "PORT", "ALLOWED_HOSTS"}
        assert set(service["environment"]) == fixed
