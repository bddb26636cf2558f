"""The "must show" of ingestion, each as a test that can fail: crises, order, backlog, refusals, damage."""
