//! A hostile handler for `wasi:http/incoming-handler@0.2`: the path of a request names the misdeed. `/good` is a normal
//! response.

mod tree;

use glasshouse_hostile::{BAD_FIELDS, Misdeed, compute_for_ever, environment, misbehave, outcome, trap};
use wasi::cli::environment as cli;
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::Descriptor;
use wasi::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam as Out};
use wasi::io::streams::OutputStream;

wasi::http::proxy::export!(Handler);

struct Handler;

/// In nanoseconds.
const HOUR: u64 = 3_600_000_000_000;
const GOOD: &str = "good.txt";

impl wasi::exports::http::incoming_handler::Guest for Handler {
    fn handle(asked: IncomingRequest, out: Out) {
        let path = asked.path_with_query().unwrap_or_default();
        let misdeed = Misdeed::read(&path);
        misbehave(&misdeed);
        if misdeed.name == "/environment" {
            return text(out, &surroundings());
        }
        let Some((root, _)) = get_directories().pop() else { return fail(out, ErrorCode::ConfigurationError) };
        match misdeed.name {
            "/good" => good(out, &root),
            // Gives no answer.
            "/never" => drop(out),
            // Waits for longer than the host does.
            "/sleep" => {
                subscribe_duration(HOUR).block();
                text(out, "");
            }
            // Gives no answer, and says so.
            "/error" => fail(out, ErrorCode::InternalError(Some(glasshouse_hostile::FORGED.to_owned()))),
            // Answers again with a handle that it has given away.
            "/twice" => {
                let handle = out.handle();
                text(out, "first\n");
                #[expect(unsafe_code, reason = "the bindings know better than to make a handle of a number")]
                // SAFETY: it is the host that has to see through this.
                let again = unsafe { Out::from_handle(handle) };
                text(again, "second\n");
            }
            // Dies amid the content.
            "/trap-after-head" => respond(out, &[], |to| {
                say(to, &b"begun ".repeat(1 << 18));
                trap()
            }),
            // Announces more than there is, and less.
            "/short" => respond(out, &[("content-length", b"10")], |to| say(to, b"good\n")),
            "/long" => respond(out, &[("content-length", b"5")], |to| say(to, b"good\nevil\n")),
            "/two-lengths" => {
                respond(out, &[("content-length", b"5"), ("content-length", b"6")], |to| say(to, b"good\nx"));
            }
            "/no-length" => respond(out, &[("content-length", b"many")], |to| say(to, b"good\n")),
            // Makes content and never ends.
            "/endless" => respond(out, &[], |to| {
                loop {
                    say(to, &[b'e'; 64 << 10]);
                }
            }),
            // Goes on when all is said.
            "/late" => {
                text(out, "late\n");
                compute_for_ever();
            }
            // A head without end.
            "/many-fields" => {
                let name = |index| format!("x-{index}");
                let fields: Vec<_> = (0..misdeed.count(100_000)).map(|index| (name(index), b"x".to_vec())).collect();
                match Fields::from_list(&fields) {
                    Ok(fields) => send(out, fields, 200, |_| ()),
                    Err(_) => fail(out, ErrorCode::HttpResponseHeaderSectionSize(None)),
                }
            }
            // Fields that would split the answer or the connection.
            "/illegal-fields" => {
                let fields = Fields::new();
                let tried = BAD_FIELDS.iter().map(|(name, value)| (name, fields.append(name, value)));
                let report: String = tried.map(|(name, tried)| outcome(&format!("{name:?}"), &tried)).collect();
                send(out, fields, 200, |to| say(to, report.as_bytes()));
            }
            // A status that ends no exchange, or is none.
            "/status" => {
                let status = u16::try_from(misdeed.count(0)).unwrap_or(u16::MAX);
                send(out, Fields::new(), status, |to| say(to, b"status\n"));
            }
            // Opens files and keeps them.
            "/open-many" => text(out, &tree::open_many(&root, misdeed.count(100_000))),
            // Handles of which the host keeps something.
            "/fields" => hoard(out, misdeed.count(100_000), Fields::new),
            "/sleep-often" => hoard(out, misdeed.count(100_000), || subscribe_duration(HOUR)),
            // One call with very much in it: so many MiB.
            "/call" => {
                let name = "x".repeat(misdeed.count(32) << 20);
                text(out, &outcome("a long name", &tree::open(&root, &name)));
            }
            "/passwd" => text(out, &tree::read_outside(&root)),
            "/list" => text(out, &tree::list(&root)),
            "/write" => text(out, &tree::write(&root)),
            _ => fail(out, ErrorCode::HttpRequestUriInvalid),
        }
    }
}

/// What a handler can see of where it runs.
fn surroundings() -> String {
    let directories: String = get_directories().iter().map(|(_, name)| format!("preopened: {name}\n")).collect();
    directories + &environment(&cli::get_environment(), &cli::get_arguments(), cli::initial_cwd())
}

fn fail(out: Out, error: ErrorCode) {
    Out::set(out, Err(error));
}

/// The good file, read here.
fn good(out: Out, root: &Descriptor) {
    match tree::open(root, GOOD).and_then(|file| file.read(1 << 20, 0)) {
        Ok((content, _)) => respond(out, &[], |to| say(to, &content)),
        Err(_) => fail(out, ErrorCode::DestinationNotFound),
    }
}

fn text(out: Out, text: &str) {
    respond(out, &[], |to| say(to, text.as_bytes()));
}

fn respond(out: Out, fields: &[(&str, &[u8])], content: impl FnOnce(&OutputStream)) {
    let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
    match Fields::from_list(&fields) {
        Ok(fields) => send(out, fields, 200, content),
        Err(_) => fail(out, ErrorCode::InternalError(None)),
    }
}

fn send(out: Out, fields: Fields, status: u16, content: impl FnOnce(&OutputStream)) {
    let response = OutgoingResponse::new(fields);
    if response.set_status_code(status).is_err() {
        return fail(out, ErrorCode::HttpProtocolError);
    }
    let Ok(body) = response.body() else { return fail(out, ErrorCode::InternalError(None)) };
    let Ok(to) = body.write() else { return fail(out, ErrorCode::InternalError(None)) };
    Out::set(out, Ok(response));
    content(&to);
    drop(to);
    drop(OutgoingBody::finish(body, None));
}

/// The reader may be gone.
fn say(to: &OutputStream, bytes: &[u8]) {
    for block in bytes.chunks(4096) {
        let _ = to.blocking_write_and_flush(block);
    }
}

fn hoard<T>(out: Out, count: usize, take: impl Fn() -> T) {
    let hoard: Vec<T> = (0..count).map(|_| take()).collect();
    text(out, &format!("DONE: {} handles\n", hoard.len()));
}
