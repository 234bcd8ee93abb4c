"""The papers' tables on our models: what each published, what we measure, what differs."""
