# pratique's image: `docker build --tag pratique:local .` in a checkout. docs/install.md has the rest.
#
# Both bases are arguments. Pin the first one by the digest that you checked yourself:
#   docker buildx imagetools inspect node:24-trixie-slim
#   docker build --build-arg BASE=node:24-trixie-slim@sha256:… --tag pratique:local .
ARG BASE=node:24-trixie-slim
# Trivy's client. Releases 0.69.4 to 0.69.6 carried malware: by digest only, moved by hand.
ARG TRIVY_IMAGE=aquasec/trivy:0.72.0@sha256:cffe3f5161a47a6823fbd23d985795b3ed72a4c806da4c4df16266c02accdd6f

FROM ${TRIVY_IMAGE} AS trivy

FROM ${BASE}
ARG VERSION=0.1.0

LABEL org.opencontainers.image.title="pratique" \
      org.opencontainers.image.description="Updates Docker containers security-first: scan before deploy, prove health after it, roll back by itself." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT" \
      com.centurylinklabs.watchtower.enable="false"

# The clients that pratique starts. A base that has them already needs no network for this step.
RUN if ! docker compose version >/dev/null 2>&1 || ! command -v tini >/dev/null; then \
      apt-get update \
      && apt-get install --yes --no-install-recommends ca-certificates docker-cli docker-compose tini \
      && rm -rf /var/lib/apt/lists/*; \
    fi
COPY --from=trivy /usr/local/bin/trivy /usr/local/bin/trivy

WORKDIR /opt/pratique
COPY package.json package-lock.json ./
# The same for packages that the base brings in /opt/pratique/node_modules.
RUN if [ ! -d node_modules ]; then npm ci --omit=dev --ignore-scripts --no-audit --no-fund; fi
COPY . ./
# A named volume takes its owner from here, a tmpfs over the cache its mode.
RUN ln -s /opt/pratique/bin/pratique /usr/local/bin/pratique \
    && mkdir -p /etc/pratique /var/lib/pratique /var/cache/pratique \
    && chown 1000:1000 /var/lib/pratique && chmod 1777 /var/cache/pratique

# The root file system may be read-only: what is written goes to the state and to the cache.
# Compose wants a folder for its builder even to look ahead.
ENV PRATIQUE_CACHE=/var/cache/pratique BUILDX_CONFIG=/var/cache/pratique/buildx
USER 1000:1000
WORKDIR /var/lib/pratique
# It also reaps what `docker exec` leaves. Under `init: true` it is merely one more.
ENTRYPOINT ["tini", "-s", "--"]
CMD ["pratique", "serve"]
# Asks the daemon, so containers with another command switch it off (--no-healthcheck).
HEALTHCHECK --interval=60s --timeout=15s --start-period=60s --retries=3 CMD ["pratique", "healthcheck"]
