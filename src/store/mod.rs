//! Journal and database. Shell.
