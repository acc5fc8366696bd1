# One image for every role; docker-compose.yml says which command each container runs.
FROM python:3.11-slim AS build

ARG EXTRAS="postgres"
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY Makefile manage.py pyproject.toml ./
COPY scripts scripts
COPY requirements requirements
COPY config config
COPY rag rag
COPY engines engines
COPY apps apps
# The build has no GPU to find, and the workers need none: vLLM has an image of its own.
ENV TORCH=cpu CACHE_DIR=/app/.cache DATA_DIR=/tmp/build SECRET_KEY=only-while-building
RUN --mount=type=cache,target=/root/.cache/pip make setup EXTRAS="$EXTRAS"

FROM python:3.11-slim
# libgomp: FAISS and torch share out their loops with it.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 tini && rm -rf /var/lib/apt/lists/* \
  && useradd --create-home --uid 10001 footnote && mkdir -p /data && chown footnote /data
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY --from=build /app/.cache .cache
COPY . .
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 DATA_DIR=/data CACHE_DIR=/app/.cache HOST=0.0.0.0
USER footnote
VOLUME /data
EXPOSE 8000
# tini reaps what the workers leave, and hands on the signal that stops them.
ENTRYPOINT ["tini", "--"]
CMD ["python", "manage.py", "up"]
