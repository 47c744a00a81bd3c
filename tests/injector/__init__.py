"""The pure part of the injector: reviews in, answers out."""
