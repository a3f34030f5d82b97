//! Agents, memberships, queues, offers, wrap-up. Uses base only: it knows no SIP.
