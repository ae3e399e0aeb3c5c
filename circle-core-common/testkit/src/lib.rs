//! Runner, decorators, faults and fixtures for testing Circle Core providers and the applications that use them.
