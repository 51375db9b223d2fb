# The gateway's image: the controller with both solvers. For the demo as well: --build-arg EXTRAS=highs,sim
#   docker build -t commonwatt .
#   docker run --init -v "$PWD/site.yaml:/etc/commonwatt/site.yaml:ro" -v commonwatt:/var/lib/commonwatt commonwatt
FROM python:3.12.11-slim-bookworm AS builder

ARG EXTRAS=highs
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY config config
COPY models models
COPY devices devices
COPY controller controller
# A wheel first, then an environment that holds the wheel and nothing of the sources or build tools.
RUN python -m pip wheel --no-deps --wheel-dir /wheels . \
    && python -m venv /opt/commonwatt \
    && wheel="$(echo /wheels/commonwatt-*.whl)" \
    && /opt/commonwatt/bin/python -m pip install --constraint constraints.txt "${wheel}[${EXTRAS}]"

FROM python:3.12.11-slim-bookworm AS runtime

LABEL org.opencontainers.image.title="CommonWatt" \
      org.opencontainers.image.licenses="GPL-3.0-or-later"

# Bytecode is compiled while installing; a read-only root file system works.
ENV PATH="/opt/commonwatt/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

RUN groupadd --system --gid 10001 commonwatt \
    && useradd --system --uid 10001 --gid commonwatt --home-dir /var/lib/commonwatt --create-home \
        --shell /usr/sbin/nologin commonwatt
COPY --from=builder /opt/commonwatt /opt/commonwatt

# By number, so that Kubernetes' runAsNonRoot can see that it is not root.
USER 10001:10001
WORKDIR /var/lib/commonwatt
VOLUME ["/var/lib/commonwatt"]

# No HEALTHCHECK yet: a process that ended is seen without one, and whether a running one still does its work
# is what `commonwatt status` will answer (docs/decisions.md, "No health check that cannot fail").
ENTRYPOINT ["commonwatt"]
CMD ["run", "--config", "/etc/commonwatt/site.yaml"]
