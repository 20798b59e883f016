//! The HTTP client that the CLI, the demo and the tests use.
