//! HTTP between a client and the host: connections, invalid requests, hosts, proxies, users and mounts.

pub mod auth;
mod connections;
pub mod hostile_clients;
mod hosts;
mod http2;
mod live;
mod memory;
mod mounted_components;
mod mounts;
mod proxies;
