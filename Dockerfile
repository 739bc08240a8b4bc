# The image of every program: operator, worker, standalone.
#
#   npm run bundle
#   docker build -t gopherqueue:0.1.0 .
#
# The program is bundled before, so the image is Node and a few files: no shell, no package manager, no
# node_modules. Any image with Node 24 can be the base: --build-arg BASE=node:24-bookworm-slim
ARG BASE=gcr.io/distroless/nodejs24-debian12:nonroot
FROM ${BASE}

LABEL org.opencontainers.image.title="gopherqueue" \
      org.opencontainers.image.description="A job queue whose jobs are Kubernetes objects" \
      org.opencontainers.image.licenses="Apache-2.0"

# Where the usual bases keep Node.
ENV PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin \
    NODE_ENV=production

COPY LICENSE dist/ /app/

# Nothing is written at run time: it runs with a read-only root as any user that is not root.
WORKDIR /app
USER 65532:65532

ENTRYPOINT ["node", "--max-semi-space-size=2", "--enable-source-maps", "/app/gopherqueue.mjs"]
CMD ["--help"]
