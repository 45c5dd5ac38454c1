# syntax=docker/dockerfile:1
# The image of the sidecar: one virtual environment from the hash-pinned lock, no build tools.
# A release passes the base by digest: --build-arg BASE=python:3.11-slim-bookworm@sha256:…
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv /build/tools && python -m venv --without-pip /opt/stablehand
COPY requirements-build.lock requirements.lock ./
RUN /build/tools/bin/pip install --require-hashes -r requirements-build.lock \
 && /build/tools/bin/pip --python /opt/stablehand/bin/python install \
    --only-binary :all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY proxy ./proxy
RUN /build/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/dist . \
 && /build/tools/bin/pip --python /opt/stablehand/bin/python install --no-deps /build/dist/*.whl \
 && /opt/stablehand/bin/python -m compileall -q /opt/stablehand/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="stablehand" \
      org.opencontainers.image.description="Inference sidecar: watches a deployed model and leads the traffic back to the stable one" \
      org.opencontainers.image.licenses="Apache-2.0"
# The malloc settings keep glibc from giving the memory of every large body back to the system and
# fetching it again. They are for supervisor and watcher; the relay sets its own by mallopt.
ENV PATH=/opt/stablehand/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=4194304 \
    MALLOC_TRIM_THRESHOLD_=16777216 \
    MALLOC_TOP_PAD_=1048576
COPY --from=build /opt/stablehand /opt/stablehand
COPY config/stablehand.yaml /etc/stablehand/stablehand.yaml
# An emptyDir or a volume belongs here; it is the only place that is written to.
WORKDIR /var/lib/stablehand
RUN chown 65532:65532 /var/lib/stablehand
USER 65532:65532
EXPOSE 8100 8101
STOPSIGNAL SIGTERM
ENTRYPOINT ["stablehand"]
CMD ["run", "/etc/stablehand/stablehand.yaml"]
