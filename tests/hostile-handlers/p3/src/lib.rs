//! A hostile handler for `wasi:http/handler@0.3`: the path of a request names the misdeed. `/good` is a normal
//! response.

mod tree;

use glasshouse_hostile::{BAD_FIELDS, Misdeed, environment, misbehave, outcome, trap};
use std::future::{Future, pending, poll_fn};
use std::task::Poll;
use wasip3::cli::environment as cli;
use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::filesystem::preopens::get_directories;
use wasip3::filesystem::types::Descriptor;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::wit_bindgen::{StreamWriter, spawn_local};
use wasip3::{wit_future, wit_stream};

wasip3::http::service::export!(Handler);

struct Handler;

/// In nanoseconds.
const HOUR: u64 = 3_600_000_000_000;
const GOOD: &str = "good.txt";

impl wasip3::exports::http::handler::Guest for Handler {
    async fn handle(asked: Request) -> Result<Response, ErrorCode> {
        let path = asked.get_path_with_query().unwrap_or_default();
        let misdeed = Misdeed::read(&path);
        misbehave(&misdeed);
        if misdeed.name == "/environment" {
            return text(surroundings());
        }
        let (root, _) = get_directories().pop().ok_or(ErrorCode::ConfigurationError)?;
        match misdeed.name {
            "/good" => file(&root, &[]).await,
            // Waits for what never comes.
            "/never" => pending().await,
            // Waits for longer than the host does.
            "/sleep" => {
                wait_for(HOUR).await;
                text(String::new())
            }
            // Waits for very many things at once.
            "/sleep-often" => {
                let mut sleeps: Vec<_> = (0..misdeed.count(100_000)).map(|_| Box::pin(wait_for(HOUR))).collect();
                poll_fn(|cx| {
                    // None is ever ready, and all must have been begun.
                    sleeps.iter_mut().map(|sleep| sleep.as_mut().poll(cx)).fold(Poll::Pending, |all, one| all.min(one))
                })
                .await;
                text(String::new())
            }
            // Gives no answer, and says so.
            "/error" => Err(ErrorCode::InternalError(Some(glasshouse_hostile::FORGED.to_owned()))),
            // Dies amid the content.
            "/trap-after-head" => respond(&[], async |to| {
                say(to, &"begun ".repeat(1 << 18)).await;
                trap()
            }),
            // Announces more than there is, and less.
            "/short" => respond(&[("content-length", b"10")], async |to| say(to, "good\n").await),
            "/long" => respond(&[("content-length", b"5")], async |to| say(to, "good\nevil\n").await),
            "/long-file" => file(&root, &[("content-length", b"1000")]).await,
            "/two-lengths" => {
                let lengths: [(&str, &[u8]); 2] = [("content-length", b"5"), ("content-length", b"6")];
                respond(&lengths, async |to| say(to, "good\nx").await)
            }
            "/no-length" => respond(&[("content-length", b"many")], async |to| say(to, "good\n").await),
            // Makes content and never ends.
            "/endless" => respond(&[], async |to| {
                loop {
                    say(to, &"e".repeat(64 << 10)).await;
                }
            }),
            // Goes on when all is said.
            "/late" => {
                spawn_local(async { glasshouse_hostile::compute_for_ever() });
                text("late\n".to_owned())
            }
            // Answers, and leaves tasks behind that wait.
            "/tasks" => {
                for _ in 0..misdeed.count(100_000) {
                    spawn_local(wait_for(HOUR));
                }
                text("left\n".to_owned())
            }
            // Has a file read very often at once, and takes none of it.
            "/unread" => {
                let file = tree::open(&root, GOOD).await.map_err(|_| ErrorCode::DestinationNotFound)?;
                hoard(misdeed.count(100_000), || file.read_via_stream(0))
            }
            // A head without end.
            "/many-fields" => {
                let name = |index| format!("x-{index}");
                let fields: Vec<_> = (0..misdeed.count(100_000)).map(|index| (name(index), b"x".to_vec())).collect();
                let fields = Fields::from_list(&fields).map_err(|_| ErrorCode::HttpResponseHeaderSectionSize(None))?;
                Ok(response(fields, async |_| ()))
            }
            // Fields that would split the answer or the connection.
            "/illegal-fields" => {
                let fields = Fields::new();
                let report: String = BAD_FIELDS
                    .iter()
                    .map(|(name, value)| outcome(&format!("{name:?}"), &fields.append(name, value)))
                    .collect();
                Ok(response(fields, async move |to| say(to, &report).await))
            }
            // A status that ends no exchange, or is none.
            "/status" => {
                let answer = respond(&[], async |to| say(to, "status\n").await)?;
                let status = u16::try_from(misdeed.count(0)).unwrap_or(u16::MAX);
                answer.set_status_code(status).map_err(|()| ErrorCode::HttpProtocolError)?;
                Ok(answer)
            }
            // Opens files and keeps them.
            "/open-many" => text(tree::open_many(&root, misdeed.count(100_000)).await),
            // Handles of which the host keeps something, and of which it need not.
            "/fields" => hoard(misdeed.count(100_000), Fields::new),
            "/streams" => hoard(misdeed.count(100_000), wit_stream::new::<u8>),
            // One call with very much in it: so many MiB.
            "/call" => {
                let name = "x".repeat(misdeed.count(32) << 20);
                text(outcome("a long name", &tree::open(&root, &name).await))
            }
            "/passwd" => text(tree::read_outside(&root).await),
            "/list" => text(tree::list(&root).await),
            "/write" => text(tree::write(&root).await),
            _ => Err(ErrorCode::HttpRequestUriInvalid),
        }
    }
}

/// What a handler can see of where it runs.
fn surroundings() -> String {
    let directories: String = get_directories().iter().map(|(_, name)| format!("preopened: {name}\n")).collect();
    let of_both = std::env::vars().collect::<Vec<_>>();
    let of_both = environment(&of_both, &std::env::args().collect::<Vec<_>>(), None);
    let own = environment(&cli::get_environment(), &cli::get_arguments(), cli::get_initial_cwd());
    directories + &of_both + &own
}

/// The good file, handed over as it is.
async fn file(root: &Descriptor, fields: &[(&str, &[u8])]) -> Result<Response, ErrorCode> {
    let file = tree::open(root, GOOD).await.map_err(|_| ErrorCode::DestinationNotFound)?;
    let (end, ending) = wit_future::new(|| Ok(None));
    let response = Response::new(list(fields)?, Some(file.read_via_stream(0).0), ending).0;
    drop(end);
    Ok(response)
}

fn text(text: String) -> Result<Response, ErrorCode> {
    respond(&[], async move |to| say(to, &text).await)
}

fn list(fields: &[(&str, &[u8])]) -> Result<Fields, ErrorCode> {
    let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
    Fields::from_list(&fields).map_err(|_| ErrorCode::InternalError(None))
}

fn respond(
    fields: &[(&str, &[u8])],
    content: impl AsyncFnOnce(&mut StreamWriter<u8>) + 'static,
) -> Result<Response, ErrorCode> {
    Ok(response(list(fields)?, content))
}

/// A response whose content passes through here.
fn response(fields: Fields, content: impl AsyncFnOnce(&mut StreamWriter<u8>) + 'static) -> Response {
    let (mut to, from) = wit_stream::new();
    let (end, ending) = wit_future::new(|| Ok(None));
    let (response, transmitted) = Response::new(fields, Some(from), ending);
    spawn_local(async move {
        content(&mut to).await;
        drop(to);
        drop(end.write(Ok(None)).await);
        drop(transmitted.await);
    });
    response
}

/// The reader may be gone.
async fn say(to: &mut StreamWriter<u8>, text: &str) {
    drop(to.write_all(text.as_bytes().to_vec()).await);
}

fn hoard<T>(count: usize, take: impl Fn() -> T) -> Result<Response, ErrorCode> {
    let hoard: Vec<T> = (0..count).map(|_| take()).collect();
    let report = format!("DONE: {} handles\n", hoard.len());
    drop(hoard);
    text(report)
}
