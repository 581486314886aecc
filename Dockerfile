# docker build -t udpchat .
FROM rust:1-slim-bookworm AS build
WORKDIR /src
# The dependencies, in a layer of their own: an edit of the sources rebuilds one crate.
COPY Cargo.toml Cargo.lock ./
COPY benches benches
RUN mkdir src && echo 'fn main() {}' >src/main.rs && touch src/lib.rs && cargo build --release --locked && rm -r src
COPY . .
# Newer than the placeholders, for Cargo goes by the time.
RUN touch src/main.rs src/lib.rs && cargo build --release --locked && strip target/release/udpchat

FROM debian:bookworm-slim
COPY --from=build /src/target/release/udpchat /usr/local/bin/udpchat
# The program writes keys and the room, and nothing else: run it with --read-only and a volume there.
ENV XDG_STATE_HOME=/var/lib
RUN install -d -o 65534 -g 65534 -m 700 /var/lib/udpchat
VOLUME /var/lib/udpchat
USER 65534:65534
EXPOSE 9999/udp
HEALTHCHECK --interval=30s --timeout=6s --start-period=2s CMD ["udpchat", "ping", "--count", "1"]
# The exec form: signals reach the program itself.
ENTRYPOINT ["udpchat"]
CMD ["serve", "--bind", "0.0.0.0:9999"]
