//! The client of the service, made as a provider makes its own.

use std::sync::Arc;

use circle_core::resilience::{Idempotency, RemoteOperation, Resilience};
use circle_core::{BuildContext, CallContext, Environment, Random, Result};
use circle_core_common::http::{HttpClient, Request, Target};
use circle_core_common::operations;
use serde::Deserialize;

use super::chance::Chance;
use super::service::Service;

operations! { "Orders" => {
    /// Gets an order.
    GET = "orders.get", Read;
} }

static GET_ORDER: RemoteOperation = RemoteOperation::new("orders.GetOrder", Idempotency::Safe, "/orders/{number}");

/// A client of the service.
#[derive(Clone, Debug)]
pub struct Client {
    environment: Environment,
    http: HttpClient,
}

/// What a call gives.
#[derive(Debug, Deserialize)]
pub struct Order {
    /// Its number.
    pub order: u32,
}

impl Client {
    /// A client with these policies.
    ///
    /// # Errors
    /// When the address of the service is none.
    pub fn new(service: Arc<Service>, resilience: Resilience) -> Result<Self> {
        let environment = Environment::builder().transport_arc(service).random(Random::from_source(Chance::default())).build();
        let context = BuildContext::new(environment.clone(), "orders").resilience(resilience);
        let http = context.http(context.origin("https://orders.example.org")?).build();
        Ok(Self { environment, http })
    }

    /// Gets an order.
    ///
    /// # Errors
    /// What the service says, and what the policies do.
    pub async fn order(&self) -> Result<Order> {
        let cx = CallContext::new(&self.environment, &GET, None);
        self.http.send(&cx, &GET_ORDER, Request::get(Target::new(self.http.origin(), "/orders/7"))).await?.json()
    }
}
