"""What `docker compose up` promises, tried on real containers. tests/compose says what is needed, and runs it."""
