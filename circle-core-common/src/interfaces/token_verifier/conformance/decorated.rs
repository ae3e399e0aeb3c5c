//! Decorated verifiers.

use crate::interfaces::token_verifier::{
    Claims, IntrospectRequest, Introspection, TokenVerifier, TokenVerifierCapabilities, TokenVerifierProvider, VerifyTokenRequest,
};

crate::suite::decorated! {
    TokenVerifier over TokenVerifierProvider with TokenVerifierCapabilities as token_verifier {
        verify(VerifyTokenRequest) -> Claims;
        introspect(IntrospectRequest) -> Introspection;
    }
}
