# One image for all four services: docker compose says which one to serve.
FROM python:3.11-slim

WORKDIR /opt/daybeat
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY adaptation adaptation
COPY stores stores
COPY ingest ingest
COPY dataflows dataflows
COPY push push
COPY daybeat daybeat
COPY bench bench
COPY deploy deploy
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

RUN useradd --system --create-home daybeat \
    && install --directory --owner=daybeat --group=daybeat --mode=700 /var/lib/daybeat
USER daybeat
ENV DAYBEAT_STATE_FOLDER=/var/lib/daybeat
VOLUME /var/lib/daybeat

ENTRYPOINT ["daybeat"]
