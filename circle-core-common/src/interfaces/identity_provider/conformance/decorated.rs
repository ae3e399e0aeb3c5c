//! Decorated identity providers.

use secrecy::SecretString;

use crate::interfaces::identity_provider::{
    DeviceLogin, DeviceRequest, FinishDeviceRequest, FinishLoginRequest, IdentityProvider, IdentityProviderCapabilities,
    IdentityProviderProvider, Login, LoginRequest, LogoutUrlRequest, RefreshRequest, RevokeRequest, Session, UserInfo,
    UserInfoRequest,
};

crate::suite::decorated! {
    IdentityProvider over IdentityProviderProvider with IdentityProviderCapabilities as identity_provider {
        start_login(LoginRequest) -> Login;
        finish_login(FinishLoginRequest) -> Session;
        refresh(RefreshRequest) -> Session;
        user_info(UserInfoRequest) -> UserInfo;
        logout_url(LogoutUrlRequest) -> SecretString;
        start_device(DeviceRequest) -> DeviceLogin;
        finish_device(FinishDeviceRequest) -> Session;
        revoke(RevokeRequest) -> ();
    }
}
