//! Calls: legs, bridges, offer and answer between legs, routes, trunks. Uses base, wire, sip and the media types.
