//! Black-box tests of glasshouse, one file per behaviour. What a request is answered with stands in [`rows`] and is proved
//! in every mode by [`modes`]; the other files prove what a table cannot tell.

/// Makes four tests, one for each stack, of a function that takes a [`server::Stack`].
macro_rules! on_every_stack {
    ($($name:ident),*) => {$(
        mod $name {
            use crate::server::Stack;

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

mod addresses;
mod admin;
mod archives;
mod attacks;
mod capability;
mod cli;
mod client;
mod connections;
mod contract;
mod crawlers;
mod diagnostics;
mod exposition;
mod fixture;
mod flat;
mod frames;
mod h2;
mod harden;
mod hostile;
mod html;
mod http2;
#[cfg(target_arch = "x86_64")]
mod inject;
mod inspect;
mod large;
mod life;
mod listings;
mod log;
mod logfile;
mod modes;
mod mounts;
mod nasty;
mod onefile;
mod passwd;
mod programs;
mod proxies;
mod renewal;
mod replay;
mod rows;
mod security;
mod server;
mod service;
mod settings;
mod soak;
mod tidy;
mod tls;
mod trust;
mod users;
mod vitals;
