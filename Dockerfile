# One image for every process of Careloop; compose.yaml says which.

FROM node:22-slim AS pages
WORKDIR /pages
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

# The same set-up as `make setup`: hash-pinned packages, then the command.
FROM python:3.13-slim AS build
WORKDIR /app
COPY .ci .ci
COPY pyproject.toml requirements.lock ./
COPY tests/requirements.lock tests/
RUN python .ci/setup.py python packages
COPY --from=pages /pages/node_modules node_modules
COPY server server
COPY devices devices
COPY notifications notifications
COPY LICENSE ./
RUN python .ci/setup.py command vendor && rm -rf .ci .cache node_modules tests

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/careloop careloop
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CARELOOP_HOST=0.0.0.0
USER careloop
WORKDIR /var/lib/careloop
VOLUME /var/lib/careloop
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
CMD ["careloop", "web"]
