//! SIP sockets: UDP and TCP, the overload gate. Shell.
