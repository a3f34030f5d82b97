//! REST, live WebSocket, sign-in, metrics, embedded pages. Shell.
