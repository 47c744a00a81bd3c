"""The certificate of the webhook and who trusts it: authority, leaf, the Secret they live in, the caBundle."""
