//! Examples of Circle Core; every one runs on embedded defaults.
