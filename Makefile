# `make run` and `make test` are all a newcomer needs; `make help` lists the rest.

EXTRAS ?=
PORT ?=
MODEL ?=
# The one index this project names: PyTorch's own, which alone has its CPU builds. Empty it to use only yours.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
export TORCH_CPU_INDEX
ifneq ($(PORT),)
export PORT
endif

BIN := .venv/bin
# Three at once on the two cores that CI has, for many tests wait; those that share a Footnote stay together
# (tests/conftest.py).
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadgroup --durations=25

.DEFAULT_GOAL := help
.PHONY: help run setup test check test-services test-extras test-engine test-slow engine lock clean

help: ## list these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|' 2>/dev/null \
	  || grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST)

run: setup ## set up what is missing, then start all of Footnote at http://127.0.0.1:8000
	@exec $(BIN)/python manage.py up

setup: ## make .venv and the embedding model ready; EXTRAS="postgres ocr" adds to it
	@scripts/setup $(EXTRAS)

test: ## the whole suite on the embedded default
	@scripts/setup dev $(EXTRAS)
	scripts/check
	env -u DATABASE_URL -u REDIS_URL $(PYTEST) -m "not slow and not vllm"

check: ## style, types, import directions, migrations, locks
	@scripts/setup dev $(EXTRAS)
	scripts/check

test-services: ## the tests that meet a database and Redis, against DATABASE_URL and REDIS_URL
	@scripts/setup dev postgres
	@test -n "$$DATABASE_URL" -a -n "$$REDIS_URL" || \
	  { echo "Say DATABASE_URL=postgres://user@host/name REDIS_URL=redis://host:6379/5 make test-services" >&2; exit 1; }
	$(BIN)/python -m pytest -m "services and not slow and not vllm"

test-extras: ## add the extras ocr and s3 and run the tests that read by OCR and from buckets, and of every encoder
	@scripts/setup dev ocr s3
	$(PYTEST) tests/engines/test_parsing.py tests/engines/test_parsing_ocr.py \
	  tests/engines/test_origins_bucket.py tests/engines/test_embedding.py tests/engines/test_reranking.py

test-engine: ## build the vLLM environment and run the tests that talk to a real vLLM
	@scripts/setup dev
	scripts/engine --setup-only
	$(BIN)/python -m pytest -m vllm

test-slow: ## the tests that take minutes each
	@scripts/setup dev
	$(BIN)/python -m pytest -m "slow and not vllm"

engine: ## vLLM in its own environment, serving MODEL=... at port 8100
	@scripts/setup
	@test -n "$(MODEL)" || { echo "Say which model: make engine MODEL=Qwen/Qwen3-8B (or a folder)" >&2; exit 1; }
	@exec scripts/engine $(MODEL)

lock: ## write requirements/*.lock again from pyproject.toml
	@scripts/setup dev
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python scripts/lock

clean: ## remove the environments and caches; what was uploaded (var/) stays
	rm -rf .venv .venv-engine .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
