# One image for every role: `docker run … api | keeper | search | migrate`. Usage: docs/deployment.md.
#
# The final image contains only Node.js, the libraries that it is linked against, the production packages and dist/: no
# shell, no package manager, nothing writable. The last stage therefore starts from scratch, and the only image to pull
# is the official Node.js image; pin it by digest (--build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:…) if builds must
# be reproducible.
ARG NODE_IMAGE=node:24-bookworm-slim

# Builds dist/ with the compiler version in package-lock.json.
FROM ${NODE_IMAGE} AS build
ARG NPM_CONFIG_REGISTRY
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY devstack devstack
COPY scripts scripts
COPY app app
COPY ARCHITECTURE.md CHANGELOG.md SECURITY.md ./
COPY docs docs
COPY clients clients
COPY charts/holdfast/README.md charts/holdfast/
COPY k8s/README.md k8s/
COPY loadtest/README.md loadtest/
RUN node scripts/build.mjs && find dist -name '*.map' -delete

# Installs node_modules without development packages, and without files that Node.js never reads: source maps, type
# declarations, builds for bundlers.
FROM ${NODE_IMAGE} AS packages
ARG NPM_CONFIG_REGISTRY
WORKDIR /packages
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts \
 && find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.[cm]ts' \) -delete \
 && rm -rf node_modules/.package-lock.json node_modules/typeorm/browser node_modules/@opentelemetry/*/build/esm node_modules/@opentelemetry/*/build/esnext

# Node.js and its shared libraries, with the package metadata from which image scanners read their versions, and with their
# licenses.
FROM ${NODE_IMAGE} AS runtime
WORKDIR /runtime
RUN install -D "$(readlink -f "$(command -v node)")" usr/local/bin/node \
 && ldd usr/local/bin/node | grep -o '/[^ ]*' | xargs cp -L --parents -t . \
 && mkdir -p etc var/lib/dpkg/status.d && install -d -m 1777 tmp \
 && for package in libc6 libgcc-s1 libstdc++6; do \
      dpkg-query --status $package > var/lib/dpkg/status.d/$package \
      && cp -L --parents -t . /usr/share/doc/$package/copyright || exit 1; \
    done \
 && echo 'holdfast:x:10001:10001::/app:/sbin/nologin' > etc/passwd \
 && echo 'holdfast:x:10001:' > etc/group \
 && echo 'hosts: files dns' > etc/nsswitch.conf

# Layers are ordered from what changes least to what changes with every release, so an upgrade pulls little more than
# dist/.
FROM scratch
COPY --from=runtime /runtime /
COPY --from=packages /packages/node_modules /app/node_modules
COPY package.json /app/
COPY --from=build /build/dist/guide /app/dist/guide
COPY --from=build /build/dist/app /app/dist/app
COPY --from=build /build/dist/console /app/dist/console
ENV NODE_ENV=production PATH=/usr/local/bin
WORKDIR /app
# A numeric user id, because Kubernetes' runAsNonRoot cannot look up a name.
USER 10001:10001
EXPOSE 8080
# Node.js itself is process 1 and gets SIGTERM. It starts no other process, so there are no children to reap. The data
# of a request lives for milliseconds: with V8's default semi-space of 16 MiB, a busy pod would spend a fifth of its
# time on garbage collection.
ENTRYPOINT ["node", "--max-semi-space-size=64", "/app/dist/app/main.js"]
CMD ["api"]
ARG NODE_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="holdfast" \
      org.opencontainers.image.description="Cache-first balance service: transfers at memory speed in Redis, every cent in MySQL." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${NODE_IMAGE}"
