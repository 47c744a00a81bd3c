"""Structural schemas for kinds whose OpenAPI documents were not recorded: only the fields we use, no others."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}


def a(**fields: Schema) -> Schema:
    """An object with these fields, all required but those that say `optional`, and no others."""
    required = [name for name, schema in fields.items() if not schema.get("optional")]
    kept = {
        name: {key: value for key, value in schema.items() if key != "optional"}
        for name, schema in fields.items()
    }
    return {"type": "object", "properties": kept, "required": required, "additionalProperties": False}


def many(item: Schema) -> Schema:
    """A list of at least one."""
    return {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}


def word(*words: str) -> Schema:
    """One of these."""
    return {"enum": list(words)}


def maybe(schema: Schema) -> Schema:
    """May be absent."""
    return {**schema, "optional": True}


MAP: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
META = a(name=TEXT, namespace=maybe(TEXT), labels=maybe(MAP), annotations=maybe(MAP))
VERB = word("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RULE = a(
    apiGroups=many({"type": "string"}),
    resources=many(TEXT),
    resourceNames=maybe(many(TEXT)),
    verbs=many(VERB),
)
RBAC = "rbac.authorization.k8s.io"
SUBJECT: Schema = {
    "oneOf": [
        a(kind=word("ServiceAccount"), name=TEXT, namespace=TEXT),
        a(kind=word("Group", "User"), name=TEXT, apiGroup=word(RBAC)),
    ]
}


def rules() -> Schema:
    """Role and ClusterRole."""
    return a(apiVersion=TEXT, kind=TEXT, metadata=META, rules=many(RULE))


def binding(*kinds: str) -> Schema:
    """RoleBinding and ClusterRoleBinding."""
    role = a(apiGroup=word(RBAC), kind=word(*kinds), name=TEXT)
    return a(apiVersion=TEXT, kind=TEXT, metadata=META, roleRef=role, subjects=many(SUBJECT))


PORT = a(
    protocol=word("TCP", "UDP"), port={"anyOf": [TEXT, {"type": "integer", "minimum": 1, "maximum": 65535}]}
)
DURATION: Schema = {"type": "string", "pattern": "^[0-9]+h$"}
KEY = a(
    algorithm=word("ECDSA", "RSA", "Ed25519"),
    size=maybe({"type": "integer"}),
    rotationPolicy=maybe(word("Always", "Never")),
)
CERTIFICATE = a(
    isCA=maybe({"type": "boolean"}),
    commonName=maybe(TEXT),
    dnsNames=maybe(many(TEXT)),
    secretName=TEXT,
    duration=DURATION,
    renewBefore=maybe(DURATION),
    privateKey=KEY,
    usages=maybe(many(word("server auth", "digital signature", "key encipherment"))),
    issuerRef=a(name=TEXT, kind=word("Issuer", "ClusterIssuer")),
)
NETWORK_POLICY = a(
    podSelector=a(matchLabels=MAP),
    policyTypes=many(word("Ingress", "Egress")),
    ingress=many(a(ports=many(PORT))),
    egress=many(a(ports=many(PORT))),
)

UNRECORDED: dict[tuple[str, str], Schema] = {
    (f"{RBAC}/v1", "Role"): rules(),
    (f"{RBAC}/v1", "ClusterRole"): rules(),
    (f"{RBAC}/v1", "RoleBinding"): binding("Role", "ClusterRole"),
    (f"{RBAC}/v1", "ClusterRoleBinding"): binding("ClusterRole"),
    ("networking.k8s.io/v1", "NetworkPolicy"): a(
        apiVersion=TEXT, kind=TEXT, metadata=META, spec=NETWORK_POLICY
    ),
    ("cert-manager.io/v1", "Certificate"): a(apiVersion=TEXT, kind=TEXT, metadata=META, spec=CERTIFICATE),
    ("cert-manager.io/v1", "Issuer"): a(
        apiVersion=TEXT,
        kind=TEXT,
        metadata=META,
        spec={"oneOf": [a(selfSigned=a()), a(ca=a(secretName=TEXT))]},
    ),
}
"""Every kind of ours without a recorded document. Batch has none either: nothing of ours is a Job."""
