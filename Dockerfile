# docker build -t udpchat .
FROM rust:1-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked && strip target/release/udpchat

FROM debian:bookworm-slim
COPY --from=build /src/target/release/udpchat /usr/local/bin/udpchat
# Nothing is written: run it with --read-only, as anybody.
USER 65534:65534
EXPOSE 9999/udp
# The exec form: signals reach the program itself.
ENTRYPOINT ["udpchat"]
CMD ["serve", "--bind", "0.0.0.0:9999"]
