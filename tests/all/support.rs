//! What the tests share: clients, servers, trees, and readers of what they return.

pub mod certs;
pub mod child;
pub mod client;
pub mod clock;
pub mod fixture;
pub mod frames;
pub mod h2;
pub mod html;
pub mod proc;
pub mod prometheus;
#[cfg(target_arch = "x86_64")]
pub mod ptrace;
pub mod random;
pub mod reference;
pub mod server;
pub mod tools;

/// Makes four tests, one for each stack, of a function that takes a [`server::Stack`].
macro_rules! on_every_stack {
    ($($name:ident),*) => {$(
        mod $name {
            use crate::support::server::Stack;

            #[test]
            fn host() {
                super::$name(Stack::Host);
            }

            #[test]
            fn stock_p3() {
                super::$name(Stack::StockP3);
            }

            #[test]
            fn stock_p2() {
                super::$name(Stack::StockP2);
            }

            #[test]
            fn host_p2() {
                super::$name(Stack::HostP2);
            }
        }
    )*};
}
pub(crate) use on_every_stack;
