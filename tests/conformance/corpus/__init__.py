"""The corpus: `requests.CASES` and `responses.CASES`, by family. `model` says what an entry means."""
