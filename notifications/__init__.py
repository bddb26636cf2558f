"""What we say to people: messages, wording, policy, the outbox, gateways, receipts and replies."""
