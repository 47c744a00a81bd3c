"""Certificates made in this process, at any time of our choosing."""

from injector.certs import authority
from injector.certs.certificates import Pair
from injector.certs.keyring import Keyring, Made, Order, Terms


def in_process(order: Order, ring: Keyring, terms: Terms, now_s: float) -> Made:
    """What `injector.certs.mint` has made elsewhere."""
    made = authority.new_authority(now_s, terms.authority_s) if order.authority else None
    if not order.leaf:
        return Made(made, None)
    signing = made or Pair(ring.authorities[0], ring.key)
    return Made(made, authority.new_leaf(signing, order.names, now_s, terms.leaf_s))
