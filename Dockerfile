# syntax=docker/dockerfile:1
# A small image that runs as nobody in particular: docker build -t strowger . ; see docker-compose.yml for running it.

FROM rust:1-slim-bookworm AS build
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cargo build --release --locked --bin strowger && strip target/release/strowger
RUN mkdir -p /state/strowger

# The C library, the authorities that everybody trusts, and nothing else: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12
COPY --from=build /src/target/release/strowger /usr/local/bin/strowger
COPY --from=build --chown=5060:5060 /state/ /var/lib/
COPY config/strowger.toml config/centre.toml /etc/strowger/
ENV STROWGER_CONFIG=/etc/strowger/strowger.toml \
    STROWGER_DATA_DIR=/var/lib/strowger/data \
    STROWGER_LOG_FORMAT=json
USER 5060:5060
WORKDIR /var/lib/strowger
VOLUME /var/lib/strowger
EXPOSE 5060/udp 5060/tcp 5061/tcp 7443/tcp 8080/tcp 16384-32767/udp
# Drains: no new calls, the present ones may end. Give it longer than [limits] drain_secs: docker stop -t 70.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=5s CMD ["/usr/local/bin/strowger", "health"]
ENTRYPOINT ["/usr/local/bin/strowger"]
