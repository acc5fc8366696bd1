"""`python manage.py engine MODEL`: vLLM in an environment of its own, installed once, then served."""

import shlex
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from engines.models import vllm

STOP_SECONDS = 20


class Command(BaseCommand):
    help = "Installs vLLM into its own environment (once), serves MODEL on 127.0.0.1 and says how to use it."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", nargs="?", default="", help="a folder with a model, or its name on the hub")
        parser.add_argument("--name", default="", help="the name to serve it under (default: the model's own)")
        parser.add_argument("--port", type=int, default=8100)
        parser.add_argument("--venv", type=Path, default=settings.BASE_DIR / ".venv-engine")
        parser.add_argument("--extra", default="", help='more arguments for "vllm serve", in one string')
        parser.add_argument("--setup-only", action="store_true", help="install vLLM, and serve nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["model"] and not options["setup_only"]:
            raise CommandError("Name the model to serve: make engine MODEL=Qwen/Qwen3-4B, or a folder that holds one.")
        gpu = vllm.has_nvidia_gpu()
        self._say(f"{'an NVIDIA GPU' if gpu else 'no NVIDIA GPU'}: {vllm.package(gpu=gpu)}")
        try:
            vllm.install(options["venv"], gpu=gpu, say=self._say)
            if not options["setup_only"]:
                self._serve(gpu=gpu, **options)
        except vllm.EngineSetupError as error:
            raise CommandError(str(error)) from error

    def _serve(self, *, gpu: bool, venv: Path, model: str, name: str, port: int, extra: str, **_: Any) -> None:
        name = name or (Path(model).name if Path(model).is_dir() else model)
        base_url = f"http://127.0.0.1:{port}/v1"
        if vllm.answers(base_url):
            raise CommandError(f"Port {port} is taken by another server; give another one with --port.")
        command = vllm.serve_command(venv, model, port=port, name=name, gpu=gpu, extra=shlex.split(extra))
        server = vllm.start(command, gpu=gpu)
        try:
            waited = vllm.wait_until_ready(base_url, server, say=self._say)
            self._say(f"ready after {waited:.0f} s. Let Footnote use it with these two settings (.env or environment):")
            self.stdout.write(f"LLM_BASE_URL={base_url}\nLLM_MODEL={name}")
            self._say("or as an endpoint in the admin, under Running, Endpoints. Ctrl-C stops the engine.")
            server.wait()
            raise CommandError(f"vLLM ended by itself (exit {server.returncode}).")
        except KeyboardInterrupt:
            self._say("stopping")
        finally:
            vllm.stop(server, seconds=STOP_SECONDS)

    def _say(self, words: str) -> None:
        self.stderr.write(f"{time.strftime('%H:%M:%S')} engine: {words}")
        self.stderr.flush()
