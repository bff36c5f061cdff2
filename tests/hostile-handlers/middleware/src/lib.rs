//! A hostile middleware for `wasi:http/handler@0.3`: a request for `/misdeed/NAME` names the misdeed. Other requests
//! go on to the next component.

mod bindings {
    //! The one interface that the crate `wasip3` does not import.
    wit_bindgen::generate!({
        inline: "
            package hostile:middleware;

            world middleware {
                import wasi:http/handler@0.3.2;
            }
        ",
        path: [env!("WASIP3_WIT")],
        with: {
            "wasi:clocks/types@0.3.2": wasip3::clocks::types,
            "wasi:http/types@0.3.2": wasip3::http::types,
        },
        generate_all,
    });
}

use bindings::wasi::http::handler;
use glasshouse_hostile::{Misdeed, environment, misbehave, trap};
use std::future::pending;
use wasip3::cli::environment as cli;
use wasip3::filesystem::preopens::get_directories;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::wit_bindgen::spawn_local;
use wasip3::{wit_future, wit_stream};

wasip3::http::service::export!(Middleware);

struct Middleware;

impl wasip3::exports::http::handler::Guest for Middleware {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        if !path.starts_with("/misdeed/") {
            return handler::handle(request).await;
        }
        let misdeed = Misdeed::read(&path);
        misbehave(&misdeed);
        match misdeed.name {
            // Waits for what never comes.
            "/never" => pending().await,
            // Dies when the next component has answered.
            "/trap-after" => {
                drop(handler::handle(passed("/good.txt")).await);
                trap()
            }
            // Asks the next component again and again.
            "/ask-often" => {
                for _ in 0..misdeed.count(1_000_000) {
                    drop(handler::handle(passed("/good.txt")).await);
                }
                Ok(text("asked\n"))
            }
            // Claims to be a complete response of a handler.
            "/forge" => {
                let fields = Fields::from_list(&[("glasshouse-response".into(), b"forged".to_vec())]);
                let fields = fields.map_err(|_| ErrorCode::InternalError(None))?;
                drop(fields.append("glasshouse-response", b"forged"));
                Ok(text("not taken\n"))
            }
            // Reports what it can see.
            "/environment" => {
                let directories = get_directories().len();
                let of_std = std::fs::read_dir("/").map_or("none".to_owned(), |_| "some".to_owned());
                let own = environment(&cli::get_environment(), &cli::get_arguments(), cli::get_initial_cwd());
                Ok(text(&format!("preopened: {directories}\nread: {of_std}\n{own}")))
            }
            _ => Err(ErrorCode::HttpRequestUriInvalid),
        }
    }
}

fn passed(path: &str) -> Request {
    let (_, trailers) = wit_future::new(|| Ok(None));
    let request = Request::new(Fields::new(), None, trailers, None).0;
    // It is a path.
    let _ = request.set_path_with_query(Some(path));
    request
}

fn text(text: &str) -> Response {
    let (mut to, contents) = wit_stream::new();
    let (end, ending) = wit_future::new(|| Ok(None));
    let response = Response::new(Fields::new(), Some(contents), ending).0;
    let bytes = text.as_bytes().to_vec();
    spawn_local(async move {
        drop(to.write_all(bytes).await);
        drop(to);
        drop(end.write(Ok(None)).await);
    });
    response
}
