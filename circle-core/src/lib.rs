//! One interface per service type for clouds, databases, brokers, models and SaaS, with the hard parts done once.
